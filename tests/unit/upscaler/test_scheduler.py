"""Whose turn it is: nothing lost, nothing repeated, nobody starved, and shares that are fair."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upscaler.scheduler import Scheduler

QUANTUM = 1.0
costs = st.floats(0.01, 5.0)


def turn(scheduler: Scheduler[int], pieces: dict[int, list[float]]) -> tuple[int, float]:
    """Run one piece as the engine does; which flow had it, and its cost."""
    flow = scheduler.next()
    assert flow is not None
    cost = pieces[flow].pop(0)
    scheduler.charge(flow, cost)
    if not pieces[flow]:
        scheduler.remove(flow)
    return flow, cost


@given(st.lists(st.lists(costs, min_size=1, max_size=8), max_size=8))
def test_every_piece_runs_once_in_its_flows_order(flows):
    scheduler: Scheduler[int] = Scheduler(QUANTUM)
    waiting = {number: list(pieces) for number, pieces in enumerate(flows)}
    for number in waiting:
        scheduler.add(number)
    ran: dict[int, list[float]] = {number: [] for number in waiting}
    for _ in range(sum(len(pieces) for pieces in flows)):
        flow, cost = turn(scheduler, waiting)
        ran[flow].append(cost)
    assert list(ran.values()) == flows
    assert scheduler.next() is None
    assert len(scheduler) == 0


@given(st.lists(costs, min_size=2, max_size=6), st.data())
def test_two_flows_never_differ_by_more_than_a_quantum_and_a_piece(largest, data):
    scheduler: Scheduler[int] = Scheduler(QUANTUM)
    spent = dict.fromkeys(range(len(largest)), 0.0)
    for flow in spent:
        scheduler.add(flow)
    for _ in range(60):
        flow = scheduler.next()
        cost = largest[flow] * data.draw(st.floats(0.1, 1.0))
        scheduler.charge(flow, cost)
        spent[flow] += cost
        for one, other in combinations(spent, 2):
            assert abs(spent[one] - spent[other]) <= QUANTUM + max(largest[one], largest[other]) + 1e-9


@given(st.lists(costs, min_size=1, max_size=6), st.integers(0, 30))
def test_a_newcomer_waits_for_one_turn_of_each_other_at_most(largest, turns_before):
    scheduler: Scheduler[int] = Scheduler(QUANTUM)
    for flow in range(len(largest)):
        scheduler.add(flow)
    for _ in range(turns_before):
        flow = scheduler.next()
        scheduler.charge(flow, largest[flow])
    newcomer, waited = len(largest), 0.0
    scheduler.add(newcomer)
    while (flow := scheduler.next()) != newcomer:
        scheduler.charge(flow, largest[flow])
        waited += largest[flow]
    assert waited <= sum(QUANTUM + cost for cost in largest)


@given(st.lists(st.integers(0, 5), max_size=40), st.sets(st.integers(0, 5)))
def test_a_removed_flow_gets_no_further_turn_and_the_rest_do(order, removed):
    scheduler: Scheduler[int] = Scheduler(QUANTUM)
    for flow in range(6):
        scheduler.add(flow)
    for cost in order:
        scheduler.charge(scheduler.next(), 0.1 + cost)
    for flow in removed:
        scheduler.remove(flow)
    seen = set()
    for _ in range(200):
        if (flow := scheduler.next()) is not None:
            scheduler.charge(flow, 0.5)
            seen.add(flow)
    assert seen == set(range(6)) - removed


def test_a_flow_may_be_removed_in_the_middle_of_its_turn():
    scheduler: Scheduler[str] = Scheduler(QUANTUM)
    scheduler.add("first")
    scheduler.add("second")
    assert scheduler.next() == "first"
    scheduler.charge("first", 0.3)
    assert scheduler.next() == "first"
    scheduler.remove("first")
    assert scheduler.next() == "second"
    assert len(scheduler) == 1


def test_a_flow_keeps_its_turn_until_its_quantum_is_spent():
    scheduler: Scheduler[str] = Scheduler(QUANTUM)
    for flow in "ab":
        scheduler.add(flow)
    turns = []
    for _ in range(8):
        turns.append(scheduler.next())
        scheduler.charge(turns[-1], 0.5)
    assert "".join(turns) == "aabbaabb"


def test_removing_a_stranger_is_an_error():
    with pytest.raises(ValueError, match="not in deque"):
        Scheduler[str](QUANTUM).remove("nobody")
