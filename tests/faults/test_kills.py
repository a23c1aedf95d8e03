"""`kill -9` of each process while it matters. Run by `make test-faults`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.clients import Client, History, all_at_once
from tests.faults.system import BEST, FAST, System
from tests.pictures import png

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

REPLICA, STORE, PROXY = "ray::ServeReplica:upscaler:Upscaler", "ray::JobStore", "ray::ProxyActor"
RESULT_TTL_S, SETTLE_S = 120.0, 135.0
"""A submission that was cut off may be a job all the same, which nobody knows of and nobody fetches."""


@pytest.fixture(scope="module")
def system(tmp_path_factory) -> Iterator[System]:
    system = System(Path(tmp_path_factory.mktemp("faults")), result_ttl_s=RESULT_TTL_S)
    system.start()
    yield system
    system.kill_everything()


@pytest.fixture
def client(system) -> Client:
    return Client(system)


@pytest.fixture(scope="module")
def solo(system) -> dict[int, str]:
    """The sha256 of each small picture's result when it has the service to itself."""
    client, results = Client(system), {}
    for seed in range(19):
        history = client.submit(png(seed, 128, 128), FAST)
        client.finish(history)
        assert history.sha256
        results[seed] = history.sha256
    return results


def many(client: Client, solo: dict[int, str]) -> list[History]:
    return [client.submit(png(seed, 128, 128), FAST, sha256) for seed, sha256 in solo.items()]


def nothing_is_left(system: System) -> bool:
    give_up_at = time.monotonic() + SETTLE_S
    while system.files() and time.monotonic() < give_up_at:
        time.sleep(0.1)
    return not system.files()


def all_end_well(client: Client, histories: list[History]) -> None:
    all_at_once(client, histories)
    for history in histories:
        history.check()


def reached(client: Client, history: History, percent: int) -> None:
    """Progress is reported once a second: a job has to be long to be caught near its end."""
    while (document := client.look(history))["progress"] < percent:
        time.sleep(0.1)
    assert document["status"] == "processing"


@pytest.mark.parametrize(("percent", "side"), [(10, 480), (50, 480), (95, 800)])
def test_the_replica_killed_in_the_midst_of_a_job(system, client, solo, percent, side):
    big = client.submit(png(100, side, side), BEST)
    others = many(client, solo)
    reached(client, big, percent)
    system.kill(REPLICA)
    all_end_well(client, [big, *others])
    assert big.ended
    assert big.ended["attempt"] == 2
    assert nothing_is_left(system)


def test_the_store_killed_again_and_again(system, client, solo):
    histories, ends_at, next_kill_at = [], time.monotonic() + 60, time.monotonic() + 5
    seeds = list(solo)
    while time.monotonic() < ends_at:
        seed = seeds[len(histories) % len(seeds)]
        histories.append(client.submit(png(seed, 128, 128), FAST, solo[seed]))
        if time.monotonic() > next_kill_at:
            system.kill(STORE)
            next_kill_at += 5
        time.sleep(0.2)
    all_end_well(client, histories)
    assert set(client.statuses) <= {200, 202, 409, 503}
    assert client.slowest_s < 5
    assert nothing_is_left(system)


def test_the_proxy_killed_under_load(system, client, solo):
    big = client.submit(png(101, 300, 300), BEST)
    others = many(client, solo)
    reached(client, big, 10)
    system.kill(PROXY)
    assert system.wait_until_up() < 15
    all_end_well(client, [big, *others])
    assert big.ended
    assert big.ended["attempt"] == 1
    assert nothing_is_left(system)


def test_everything_killed_and_started_again(system, client, solo):
    histories = [client.submit(png(102, 300, 300), BEST), *many(client, solo)]
    reached(client, histories[0], 10)
    system.kill_everything()
    system.start()
    all_end_well(client, histories)
    assert nothing_is_left(system)
    assert httpx.get(f"{system.url}/api/v1/status/1").status_code == httpx.codes.NOT_FOUND
