"""JobTable: the rules one by one."""

from __future__ import annotations

from deployments.jobs.messages import DownloadGrant, Refusal, Report
from deployments.jobs.policy import Policy
from deployments.jobs.record import JobRecord, Result, ResultState, State, new_job_id
from deployments.jobs.table import JobTable
from tests.unit.deployments.conftest import FakeClock, an_order

RESULT = Result("result.1", 10, "00")
POLICY = Policy(max_queued=20)


def running(table: JobTable) -> JobRecord:
    """Submit a job and lease it."""
    accepted = table.accept(new_job_id(), an_order())
    assert isinstance(accepted, JobRecord)
    table.commit(accepted)
    record = table.claim("holder", 0.0)
    assert record is not None
    table.commit(record, "holder")
    return record


def test_a_silent_holder_loses_the_job_and_the_second_one_ends_it():
    clock = FakeClock()
    table = JobTable(POLICY, clock)
    record = running(table)
    for attempt in (1, 2):
        assert table.report(record.job_id, Report(attempt, 50))
        clock.advance(POLICY.lease_s + 1)
        assert table.silent() == [record.job_id]
        overdue = table.overdue(record.job_id)
        assert overdue is not None
        table.commit(overdue)
        if attempt == 1:
            assert overdue.state is State.QUEUED
            again = table.claim("holder", 0.0)
            assert again is not None
            assert again.attempt == 2
            table.commit(again, "other")
    assert overdue.state is State.FAILED
    assert overdue.error_code == "worker_crashed"


def test_a_grant_that_nobody_acknowledged_is_no_death():
    clock = FakeClock()
    table = JobTable(POLICY, clock)
    record = running(table)
    clock.advance(POLICY.acknowledge_s + 0.1)
    overdue = table.overdue(record.job_id)
    assert overdue is not None
    assert overdue.deaths == 0


def test_an_old_fence_is_void():
    clock = FakeClock()
    table = JobTable(POLICY, clock)
    record = running(table)
    assert table.completed(record.job_id, record.attempt + 1, RESULT) is None
    assert table.failed(record.job_id, record.attempt - 1, "internal", "x") is None
    assert not table.report(record.job_id, Report(record.attempt - 1, 10))


def test_the_result_goes_in_time_and_the_record_after_it():
    clock = FakeClock()
    table = JobTable(POLICY, clock)
    record = running(table)
    table.commit(table.completed(record.job_id, 1, RESULT))
    clock.advance(POLICY.result_ttl_s - 1)
    assert table.evictable() == []
    clock.advance(2)
    assert table.evictable() == [record.job_id]
    assert table.downloads.lease(table.find(record.job_id)) == Refusal("expired")
    table.commit(table.result_gone(record.job_id, ResultState.EXPIRED))
    assert table.forgettable() == []
    clock.advance(POLICY.tombstone_ttl_s + 1)
    assert table.forgettable() == [record.job_id]


def test_a_running_download_is_not_evicted():
    clock = FakeClock()
    table = JobTable(POLICY, clock)
    record = running(table)
    table.commit(table.completed(record.job_id, 1, RESULT))
    clock.advance(POLICY.result_ttl_s - 10)
    grant = table.downloads.lease(table.find(record.job_id))
    assert isinstance(grant, DownloadGrant)
    clock.advance(15)
    assert table.evictable() == []
    clock.advance(POLICY.download_lease_s)
    assert table.evictable() == [record.job_id]


def test_of_many_downloads_one_gets_the_lease():
    table = JobTable(POLICY, FakeClock())
    record = running(table)
    table.commit(table.completed(record.job_id, 1, RESULT))
    grants = [table.downloads.lease(table.find(record.job_id)) for _ in range(50)]
    assert sum(isinstance(grant, DownloadGrant) for grant in grants) == 1
    assert set(grants[1:]) == {Refusal("download_in_progress")}
