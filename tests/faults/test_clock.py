"""A wall clock that is set an hour forth or back: nothing is evicted early, and nothing is immortal."""

from __future__ import annotations

import time

import pytest

from tests.faults.checks import STORE, all_end_well, many, nothing_is_left
from tests.faults.clients import History

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
RESULT_TTL_S = 25.0
OPTIONS = {"result_ttl_s": RESULT_TTL_S}
HOUR_S = 3600


def all_completed(client, histories: list[History]) -> None:
    for history in histories:
        while client.look(history)["status"] == "processing":
            time.sleep(0.1)


def set_clock(system, seconds: int) -> None:
    (system.control / "clock").write_text(str(seconds))


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_a_clock_that_jumps_while_the_store_lives(system, client, solo, jump_s):
    set_clock(system, 0)
    histories = many(client, solo)
    all_completed(client, histories)
    completed_at = time.monotonic()
    set_clock(system, jump_s)
    time.sleep(5)  # two sweeps
    assert {client.look(history)["result"] for history in histories} == {"available"}
    fetched, left = histories[:9], histories[9:]
    all_end_well(client, fetched)
    assert nothing_is_left(system, completed_at + RESULT_TTL_S + 5 - time.monotonic())
    assert {client.look(history)["result"] for history in left} == {"expired"}


def test_a_clock_that_is_set_back_while_nothing_runs(system, client, solo):
    set_clock(system, 0)
    histories = many(client, solo)
    all_completed(client, histories)
    set_clock(system, -HOUR_S)
    system.kill(STORE)
    assert nothing_is_left(system, RESULT_TTL_S + 15)
    assert {client.look(history)["result"] for history in histories} == {"expired"}
