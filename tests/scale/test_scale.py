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

UP_S, DOWN_S = 120.0, 120.0
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
            up_s = watch.until(lambda sight: sight.running == NUM_GPUS, UP_S)
            _each_has_its_own(nodes, pins())
        fell_at = time.monotonic()
        with Load(client, SMALL, SOME_CLIENTS) as light:
            watch.until(lambda sight: sight.running == sight.total == 1, DOWN_S)
            one_s = time.monotonic() - fell_at
        heavy.join()
        light.join()
        down_s = watch.until(_there_is_none, DOWN_S)
        assert _is_ready(nodes)
        cold_s, solo = _alone(client)
    jobs = heavy.histories + light.histories
    for history, picture in jobs:
        history.expected_sha256 = solo[picture]
    histories = [history for history, _ in jobs]
    all_ended_well(client, histories)
    _each_was_fetched_once(client, histories)
    _never_too_many(watch.seen)
    _were_stopped_with_jobs(watch.seen)
    assert nothing_is_left(nodes, 30)
    attempts = collections.Counter(history.ended["attempt"] for history in histories if history.ended)
    assert max(attempts) <= Policy().max_attempts
    print(
        f"\n0 → {NUM_GPUS} in {up_s:.1f} s, → 1 in {one_s:.1f} s, → 0 in {down_s:.1f} s",
        f"from 0 to a result in {cold_s:.1f} s",
        f"{len(heavy.histories)} large and {len(light.histories)} small jobs, by attempts {dict(attempts)}",
        sep="\n",
    )


def _there_is_none(sight: Sight) -> bool:
    return sight.total == 0


def _is_ready(nodes: Nodes) -> bool:
    return httpx.get(f"{nodes.url}/readyz").status_code == httpx.codes.OK


def _each_has_its_own(nodes: Nodes, found: list[Pin]) -> None:
    assert len(set(found)) == len(found) == NUM_GPUS
    assert {pin.node for pin in found} == {worker.node_id for worker in nodes.workers}
    assert all(pin.visible_gpus in {"0", "1"} for pin in found)


def _alone(client: Client) -> tuple[float, dict[bytes, str]]:
    """Seconds of the first job, for which a replica has to come, and what each picture gives when it has the
    service to itself."""
    began_at, cold_s, results = time.monotonic(), 0.0, {}
    for picture in (*LARGE, *SMALL):
        history = client.submit(picture, FAST)
        client.finish(history)
        cold_s = cold_s or time.monotonic() - began_at
        history.check()
        assert history.ended["attempt"] == 1  # not even one that came when all replicas had just gone
        results[picture] = history.sha256
    return cold_s, results


def _each_was_fetched_once(client: Client, histories: list[History]) -> None:
    assert {client.look(history)["result"] for history in histories} == {"downloaded"}
    assert len({history.job_id for history in histories}) == len(histories)


def _never_too_many(seen: list[Sight]) -> None:
    """Not even while replicas start or stop."""
    assert max(sight.wanted for sight in seen) == NUM_GPUS
    assert max(sight.running + sight.stopping for sight in seen) == NUM_GPUS


def _were_stopped_with_jobs(seen: list[Sight]) -> None:
    """More replicas had jobs than were to stay."""
    assert [sight for sight in seen if sight.stopping and sight.holders > sight.wanted]
