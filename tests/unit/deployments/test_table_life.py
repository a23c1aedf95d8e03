"""JobTable under everything at once: a state machine driven by Hypothesis."""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from deployments.jobs.job import Job
from deployments.jobs.messages import DownloadGrant, Refusal, Report
from deployments.jobs.policy import Policy
from deployments.jobs.record import FIRST_ID, JobRecord, Result, ResultState, State
from deployments.jobs.table import JobTable
from tests.unit.deployments.conftest import FakeClock, an_order

RESULT = Result("result.1", 10, "00")
POLICY = Policy(max_queued=20, queue_limit_s=5000.0)


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
        self.job_ids = itertools.count(FIRST_ID)  # in order, so that a run can be repeated

    def write(self, record: JobRecord | None, holder: str | None = None) -> None:
        if record is not None:
            self.disk[record.job_id] = record
            self.table.commit(record, holder)

    @initialize()
    def start(self) -> None:
        self.submit(1.0)

    @rule(estimated_s=st.floats(0.1, 100))
    def submit(self, estimated_s: float) -> None:
        record = self.table.accept(str(next(self.job_ids)), an_order(estimated_s))
        if isinstance(record, Refusal):
            assert record.code == "no_replica" or self.table.workload.depth().queued == POLICY.max_queued
        else:
            self.write(record)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.disk:
            job_id = data.draw(st.sampled_from(sorted(self.disk)))
            self.write(self.table.cancelled(job_id) if self.table.find(job_id) else None)

    @rule(on_hand_s=st.floats(0, 50), written=st.booleans())
    def lease(self, on_hand_s: float, written: bool) -> None:
        self.table.intake.hear()
        record = self.table.claim("holder", on_hand_s)
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
            record = self.table.failed(job_id, fence, "invalid_image", "x")
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
        grant = self.table.downloads.lease(self.table.find(data.draw(st.sampled_from(sorted(self.disk)))))
        if isinstance(grant, DownloadGrant):
            assert grant.job_id not in self.consumed
            self.downloads.append(grant)

    @rule(data=st.data(), delivered=st.booleans())
    def end_download(self, data: st.DataObject, delivered: bool) -> None:
        if not self.downloads:
            return
        grant = data.draw(st.sampled_from(self.downloads))
        if not self.table.downloads.holds(grant.job_id, grant.lease_id):
            return
        if delivered:
            self.write(self.table.result_gone(grant.job_id, ResultState.DOWNLOADED))
            self.consumed.add(grant.job_id)
        else:
            self.table.downloads.give_back(grant.job_id, grant.lease_id)

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
        for job_id in self.table.all_that(Job.has_waited_out):
            self.write(self.table.waited_out(job_id))
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
        assert len(queued) == self.table.workload.depth().queued
        assert all(self.table._queue.place(record.job_id) for record in queued)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
