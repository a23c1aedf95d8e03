"""What experiments have in common: the load, and what must be true in the end."""

from __future__ import annotations

import time

from tests.faults.clients import Client, History, all_at_once, nothing_changes_any_more
from tests.pictures import png
from tests.system import BEST, FAST, System

REPLICA, INGRESS = "ray::ServeReplica:upscaler:Upscaler", "ray::ServeReplica:upscaler:Ingress"
STORE, PROXY = "ray::JobStore", "ray::ProxyActor"
NUM_SMALL = 19
SETTLE_S = 200.0
"""The longest that anything may be left behind: uploads whose ingress died, results of jobs that nobody
knows of."""


def solo_results(system: System) -> dict[int, str]:
    """The sha256 of each small picture's result when it has the service to itself."""
    client, results = Client(system), {}
    for seed in range(NUM_SMALL):
        history = client.submit(png(seed, 128, 128), FAST)
        client.finish(history)
        assert history.sha256
        results[seed] = history.sha256
    return results


def many(client: Client, solo: dict[int, str]) -> list[History]:
    """A job for each small picture."""
    return [client.submit(png(seed, 128, 128), FAST, sha256) for seed, sha256 in solo.items()]


def a_long_one(client: Client, seed: int, side: int = 480) -> History:
    """A job of more than twenty seconds."""
    return client.submit(png(seed, side, side), BEST)


def reached(client: Client, history: History, percent: int) -> None:
    """Wait until a job is so far. Progress is reported once a second: to be caught near its end, it has to be long."""
    while (document := client.look(history))["progress"] < percent:
        time.sleep(0.1)
    assert document["status"] == "processing"


def all_end_well(client: Client, histories: list[History]) -> None:
    """Follow every job, and see that it ends in its solo result."""
    all_at_once(client, histories)
    all_ended_well(client, histories)


def all_ended_well(client: Client, histories: list[History]) -> None:
    """Every 202 has ended in its solo result, and its progress has never fallen."""
    for history in histories:
        history.check()
    nothing_changes_any_more(client, histories)


def nothing_is_left(system: System, within_s: float = SETTLE_S) -> bool:
    """Whether storage is empty of pictures and of live records, soon."""
    give_up_at = time.monotonic() + within_s
    while system.files() and time.monotonic() < give_up_at:
        time.sleep(0.1)
    return not system.files()
