"""A picture that ends its worker fails alone: the jobs beside it are not made to pay."""

from __future__ import annotations

import pytest

from deployments.jobs.messages import Report
from deployments.jobs.policy import Policy
from deployments.jobs.queue import PATIENCE, JobQueue
from deployments.jobs.record import JobRecord, Result, State, new_job_id
from deployments.jobs.table import JobTable
from tests.unit.deployments.conftest import FakeClock, an_order

POLICY = Policy()


@pytest.fixture
def table(clock) -> JobTable:
    return JobTable(POLICY, clock)


def submitted(table: JobTable) -> str:
    record = table.accept(new_job_id(), an_order())
    assert isinstance(record, JobRecord)
    table.commit(record)
    return record.job_id


def leased(table: JobTable, holder: str) -> JobRecord | None:
    """Let a holder that is short of work ask for a job, and report on it."""
    record = table.claim(holder, 0.0)
    if record is not None:
        table.commit(record, holder)
        assert table.report(record.job_id, Report(record.attempt, 1))
    return record


def all_die(table: JobTable, clock: FakeClock) -> None:
    clock.advance(POLICY.lease_s + 1)
    for job_id in table.silent():
        table.commit(table.overdue(job_id))


def test_jobs_that_were_held_side_by_side_are_tried_one_by_one(table, clock):
    good, bad = submitted(table), submitted(table)
    assert {leased(table, "a").job_id, leased(table, "a").job_id} == {good, bad}
    all_die(table, clock)
    assert [table.find(job_id).record.deaths for job_id in (good, bad)] == [0, 0]
    first = leased(table, "b")
    assert first is not None
    assert leased(table, "b") is None  # nothing beside a suspect
    second = leased(table, "c")
    assert {first.job_id, second.job_id} == {good, bad}


def test_only_deaths_alone_count_and_two_are_enough(table, clock):
    good, bad = submitted(table), submitted(table)
    leased(table, "a")
    leased(table, "a")
    all_die(table, clock)
    for _ in range(2):
        record = leased(table, "b")
        if record.job_id == good:
            table.commit(table.completed(good, record.attempt, Result("result.2", 1, "00")))
            record = leased(table, "b")
        assert record.job_id == bad
        all_die(table, clock)
    assert table.find(good).record.state in (State.COMPLETED, State.QUEUED)
    ended = table.find(bad).record
    assert (ended.state, ended.error_code, ended.deaths) == (State.FAILED, "worker_crashed", 2)


def test_a_suspect_does_not_join_others(table, clock):
    suspect = submitted(table)
    leased(table, "a")
    all_die(table, clock)
    fresh = submitted(table)
    assert table.claim("b", 0.0).job_id == suspect
    table.unclaim(suspect)
    busy = submitted(table)
    table.commit(table.claim("c", 0.0), "c")  # an empty holder takes the suspect, which comes first
    assert leased(table, "d").job_id == fresh
    assert leased(table, "d").job_id == busy


def test_a_suspect_of_an_earlier_life_of_the_store_stays_one(table, clock):
    suspect = submitted(table)
    leased(table, "a")
    all_die(table, clock)
    record = JobRecord.from_json(table.find(suspect).record.to_json())
    again = JobTable(POLICY, clock)
    again.load(record)
    other = submitted(again)
    assert leased(again, "b").job_id == suspect
    assert leased(again, "b") is None
    assert leased(again, "c").job_id == other


def test_a_job_that_must_be_alone_is_not_passed_over_for_ever():
    queue = JobQueue()
    queue.add_first("suspect", 1.0, alone=True)
    for number in range(PATIENCE + 5):
        queue.add(f"job {number}", 1.0)
    taken = [queue.take(0.0, holds_nothing=False) for _ in range(PATIENCE + 2)]
    assert taken == [*(f"job {number}" for number in range(PATIENCE)), None, None]
    assert queue.take(0.0, holds_nothing=True) == "suspect"
    assert queue.take(0.0, holds_nothing=False) == f"job {PATIENCE}"
