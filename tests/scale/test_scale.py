"""From no replica to as many as there are GPUs and back, with jobs coming all the time."""

from __future__ import annotations

import collections
import time

import httpx
import pytest

from deployments.jobs.policy import Policy
from tests.faults.checks import all_ended_well, nothing_is_left
from tests.faults.clients import Client, History
from tests.nodes import Nodes
from tests.pictures import png
from tests.scale.conftest import NUM_GPUS
from tests.scale.load import Load
from tests.scale.replicas import Pin, Sight, Watch, pins
from tests.system import FAST

pytestmark = [pytest.mark.scale, pytest.mark.timeout(600)]

UP_S, DOWN_S = 240.0, 240.0
LARGE = [png(seed, 400, 400) for seed in range(4)]
"""Each would take a GPU 4 ms, and one thread of a processor a second or two."""

SMALL = [png(seed, 128, 128) for seed in range(4)]
"""All that are in work at once would take a GPU less than `drain_s`: they want one replica, but keep more busy."""

MANY_CLIENTS, SOME_CLIENTS = 16, 8


def test_from_none_to_all_gpus_and_back(nodes):
    client = Client(nodes)
    with Watch() as watch:
        watch.until(_there_is_none, UP_S)
        assert _is_ready(nodes)
        with Load(client, LARGE, MANY_CLIENTS) as heavy:
            print(f"\n0 → {NUM_GPUS} replicas in {watch.until(_all_run, UP_S):.1f} s")
            _each_has_its_own(nodes, pins())
        with Load(client, SMALL, SOME_CLIENTS) as light:
            print(f"{NUM_GPUS} → 1 in {watch.until(_there_is_one, DOWN_S):.1f} s")
        jobs = heavy.finished() + light.finished()
        print(f"1 → 0 in {watch.until(_there_is_none, DOWN_S):.1f} s")
        assert _is_ready(nodes)
        solo = _alone(client)
    _none_was_lost(client, jobs, solo)
    _never_too_many(watch.seen)
    _all_have_worked(watch.seen)
    _were_stopped_with_jobs(watch.seen)
    assert nothing_is_left(nodes, 30)


def _there_is_none(sight: Sight) -> bool:
    return sight.total == 0


def _there_is_one(sight: Sight) -> bool:
    return sight.running == sight.total == 1


def _all_run(sight: Sight) -> bool:
    return sight.running == NUM_GPUS


def _is_ready(nodes: Nodes) -> bool:
    return httpx.get(f"{nodes.url}/readyz").status_code == httpx.codes.OK


def _each_has_its_own(nodes: Nodes, found: list[Pin]) -> None:
    assert len(set(found)) == len(found) == NUM_GPUS
    assert {pin.node for pin in found} == {worker.node_id for worker in nodes.workers}
    assert all(pin.visible_gpus in {"0", "1"} for pin in found)


def _alone(client: Client) -> dict[bytes, str]:
    """What each picture gives when it has the service to itself. For the first a replica has to come."""
    results = {}
    for picture in (*LARGE, *SMALL):
        began_at = time.monotonic()
        history = client.submit(picture, FAST)
        client.finish(history)
        history.check()
        assert history.ended["attempt"] == 1  # also when all replicas had just gone
        if not results:
            print(f"from 0 to a result in {time.monotonic() - began_at:.1f} s")
        results[picture] = history.sha256
    return results


def _none_was_lost(client: Client, jobs: list[tuple[History, bytes]], solo: dict[bytes, str]) -> None:
    """Each job has ended in the one right result, which was fetched once."""
    for history, picture in jobs:
        history.expected_sha256 = solo[picture]
    histories = [history for history, _ in jobs]
    all_ended_well(client, histories)
    assert {client.look(history)["result"] for history in histories} == {"downloaded"}
    attempts = collections.Counter(history.ended["attempt"] for history in histories)
    print(f"{len(histories)} jobs, by attempts {dict(attempts)}")
    assert max(attempts) <= Policy().max_attempts


def _never_too_many(seen: list[Sight]) -> None:
    """Not even while replicas start or stop."""
    assert max(sight.wanted for sight in seen) == NUM_GPUS
    assert max(sight.running + sight.stopping for sight in seen) == NUM_GPUS


def _all_have_worked(seen: list[Sight]) -> None:
    assert [sight for sight in seen if sight.running == sight.holders == NUM_GPUS]


def _were_stopped_with_jobs(seen: list[Sight]) -> None:
    """More replicas had jobs than were to stay."""
    assert [sight for sight in seen if sight.stopping and sight.holders > sight.wanted]
