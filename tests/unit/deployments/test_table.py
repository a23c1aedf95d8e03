"""JobTable: a state machine driven by Hypothesis, and the rules one by one."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from deployments.jobs.messages import DownloadGrant, Refusal, Report
from deployments.jobs.record import JobRecord, Result, ResultState, State, new_job_id
from deployments.jobs.table import JobTable, Policy
from tests.unit.deployments.conftest import FakeClock, an_order

RESULT = Result("result.1", 10, "00")
POLICY = Policy(max_queued=20)


class Life(RuleBasedStateMachine):
    """Clients, replicas, sweeps and clocks in any order; restarts in between."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.table = JobTable(POLICY, self.clock)
        self.disk: dict[str, JobRecord] = {}
        self.ended: dict[str, State] = {}
        self.seen_progress: dict[str, int] = {}
        self.grants: list[tuple[str, int]] = []
        self.downloads: list[DownloadGrant] = []
        self.consumed: set[str] = set()

    def write(self, record: JobRecord | None, holder: str | None = None) -> None:
        if record is not None:
            self.disk[record.job_id] = record
            self.table.commit(record, holder)

    @initialize()
    def start(self) -> None:
        self.submit(1.0)

    @rule(estimated_s=st.floats(0.1, 100))
    def submit(self, estimated_s: float) -> None:
        record = self.table.accept(new_job_id(), an_order(estimated_s))
        if isinstance(record, Refusal):
            assert self.table.depth().queued == POLICY.max_queued
        else:
            self.write(record)

    @rule(on_hand_s=st.floats(0, 50), written=st.booleans())
    def lease(self, on_hand_s: float, written: bool) -> None:
        record = self.table.claim(on_hand_s)
        if record is None:
            return
        if not written:
            self.table.unclaim(record.job_id)
            return
        assert (record.job_id, record.attempt) not in self.grants
        self.write(record, "holder")
        self.grants.append((record.job_id, record.attempt))

    @rule(data=st.data(), progress=st.integers(0, 99))
    def report(self, data: st.DataObject, progress: int) -> None:
        if not self.grants:
            return
        job_id, fence = data.draw(st.sampled_from(self.grants))
        if self.table.report(job_id, Report(fence, progress)):
            assert self.disk[job_id].attempt == fence
            self.write(self.table.noted_progress(job_id))

    @rule(data=st.data(), ending=st.sampled_from(["completed", "failed", "released"]))
    def conclude(self, data: st.DataObject, ending: str) -> None:
        if not self.grants:
            return
        job_id, fence = data.draw(st.sampled_from(self.grants))
        before = self.disk.get(job_id)
        if ending == "completed":
            record = self.table.completed(job_id, fence, RESULT)
        elif ending == "failed":
            record = self.table.failed(job_id, fence, "invalid_image", "upscale failed: x")
        else:
            record = self.table.released(job_id, fence)
        if record is not None:
            assert before is not None
            assert before.attempt == fence
            assert before.state is State.RUNNING
            self.write(record)

    @rule(data=st.data())
    def begin_download(self, data: st.DataObject) -> None:
        if not self.disk:
            return
        grant = self.table.lease_download(data.draw(st.sampled_from(sorted(self.disk))))
        if isinstance(grant, DownloadGrant):
            assert grant.job_id not in self.consumed
            self.downloads.append(grant)

    @rule(data=st.data(), delivered=st.booleans())
    def end_download(self, data: st.DataObject, delivered: bool) -> None:
        if not self.downloads:
            return
        grant = data.draw(st.sampled_from(self.downloads))
        if not self.table.holds_download(grant.job_id, grant.lease_id):
            return
        if delivered:
            self.write(self.table.result_gone(grant.job_id, ResultState.DOWNLOADED))
            self.consumed.add(grant.job_id)
        else:
            self.table.return_download(grant.job_id, grant.lease_id)

    @rule(seconds=st.floats(0.1, 2000))
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(hours=st.sampled_from([-1, 1]))
    def jump_the_wall_clock(self, hours: int) -> None:
        self.clock.skew += hours * 3600

    @rule()
    def sweep(self) -> None:
        for job_id in self.table.silent():
            self.write(self.table.overdue(job_id))
        for job_id in self.table.evictable():
            self.write(self.table.result_gone(job_id, ResultState.EXPIRED))
        for job_id in self.table.forgettable():
            self.table.forget(job_id)
            self.disk.pop(job_id, None)
            self.ended.pop(job_id, None)

    @rule()
    def crash_and_reopen(self) -> None:
        self.table = JobTable(POLICY, self.clock)
        for record in sorted(self.disk.values(), key=lambda record: record.created_at):
            self.table.load(record)
        self.downloads.clear()

    @invariant()
    def nothing_accepted_is_lost(self) -> None:
        assert all(self.table.find(job_id) is not None for job_id in self.disk)

    @invariant()
    def terminal_is_terminal(self) -> None:
        for job_id, record in self.disk.items():
            assert self.ended.get(job_id, record.state) is record.state
            if record.is_terminal:
                self.ended[job_id] = record.state

    @invariant()
    def progress_written_never_falls(self) -> None:
        for job_id, record in self.disk.items():
            assert record.progress >= self.seen_progress.get(job_id, 0)
            self.seen_progress[job_id] = record.progress

    @invariant()
    def waiting_jobs_wait_in_the_queue(self) -> None:
        queued = [record for record in self.disk.values() if record.state is State.QUEUED]
        assert len(queued) == self.table.depth().queued
        assert all(self.table.queue_position(record.job_id) for record in queued)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def running(table: JobTable) -> JobRecord:
    """Submit a job and lease it."""
    accepted = table.accept(new_job_id(), an_order())
    assert isinstance(accepted, JobRecord)
    table.commit(accepted)
    record = table.claim(0.0)
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
            again = table.claim(0.0)
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
    assert table.lease_download(record.job_id) == Refusal("expired")
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
    grant = table.lease_download(record.job_id)
    assert isinstance(grant, DownloadGrant)
    clock.advance(20)
    assert table.evictable() == []
    clock.advance(POLICY.download_lease_s)
    assert table.evictable() == [record.job_id]


def test_of_many_downloads_one_gets_the_lease():
    table = JobTable(POLICY, FakeClock())
    record = running(table)
    table.commit(table.completed(record.job_id, 1, RESULT))
    grants = [table.lease_download(record.job_id) for _ in range(50)]
    assert sum(isinstance(grant, DownloadGrant) for grant in grants) == 1
    assert set(grants[1:]) == {Refusal("download_in_progress")}
