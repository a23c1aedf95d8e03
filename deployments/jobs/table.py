"""JobTable: all jobs and every rule about them. No I/O, no thread, no Ray; the clock is injected.

A method that changes what must survive returns the *new record* and changes nothing: the caller
writes it to storage and then calls `commit`. So nobody ever sees a state that a crash could undo.
Leases, progress and the queue's order live in memory alone.
"""

from __future__ import annotations

from collections.abc import Callable

from deployments.jobs.clock import Clock
from deployments.jobs.downloads import DownloadLeases
from deployments.jobs.gate import Gate
from deployments.jobs.holders import Holders
from deployments.jobs.intake import Intake
from deployments.jobs.job import Job
from deployments.jobs.messages import ANYBODY, Client, Refusal, Report
from deployments.jobs.policy import Policy
from deployments.jobs.queue import JobQueue
from deployments.jobs.quotas import Quotas
from deployments.jobs.record import Idempotency, JobRecord, Order, Result, ResultState, State, evolve
from deployments.jobs.repeats import Repeats
from deployments.jobs.verdicts import ended, fallen_silent, given_back
from deployments.jobs.workload import Workload

PROGRESS_STEP = 10
"""Progress is shown only below a mark that has been written down, which rises in steps of this many
per cent. A new life of the store goes on from the mark, so what a client sees never falls."""


class JobTable:
    """The single source of truth on jobs. Single-threaded."""

    def __init__(self, policy: Policy, clock: Clock) -> None:
        self._policy, self._clock = policy, clock
        self._jobs: dict[str, Job] = {}
        self._queue = JobQueue()
        self._holders = Holders()
        self.intake = Intake(policy, clock)
        self.repeats = Repeats(clock)
        self.quotas = Quotas(clock, policy.max_stored_bytes)
        self._running: dict[str, Job] = {}
        self.workload = Workload(self._jobs, self._running, self._queue, self._holders)
        self.gate = Gate(self.intake, self.quotas, self._queue, self.workload)
        self.downloads = DownloadLeases(policy.download_lease_s, clock)

    # -- asking ---------------------------------------------------------------------------------

    def find(self, job_id: str, owner: str | None = None) -> Job | None:
        """A job; of another owner than the one named it is not known."""
        job = self._jobs.get(job_id)
        return job if job is None or owner in (None, job.record.owner) else None

    def __len__(self) -> int:
        return len(self._jobs)

    # -- changing: the new record, to be written and then committed -------------------------------

    def accept(
        self,
        job_id: str,
        order: Order,
        free_bytes: int | None = None,
        idempotency: Idempotency | None = None,
        client: Client = ANYBODY,
    ) -> JobRecord | Refusal:
        """`free_bytes`: what the storage has left, where that has an end. If the record cannot be written,
        take the promise back by `take_back`."""
        refusal = self.gate.why_not(client, order, free_bytes)
        if refusal is not None:
            return refusal
        self.intake.promise(job_id, order)
        self.quotas.hold(job_id, client.name, order.most_result_bytes)
        return JobRecord(job_id, order, self._clock.wall(), idempotency=idempotency, owner=client.name)

    def take_back(self, job_id: str) -> None:
        """A job that was accepted and could not be written."""
        self.intake.take_back(job_id)
        self.quotas.forget(job_id)

    def claim(self, holder: str, on_hand_s: float) -> JobRecord | None:
        """Take the next job that is fit for a holder out of the queue and grant it, once written. What
        may have ended a holder before is granted alone.

        If the record cannot be written, hand the job back by `unclaim`.
        """
        held = self._holders.jobs_of(holder)
        if any(self._jobs[job_id].record.suspect for job_id in held):
            return None
        job_id = self._queue.take(on_hand_s, holds_nothing=not held)
        if job_id is None:
            return None
        record = self._jobs[job_id].record
        return evolve(record, state=State.RUNNING, attempt=record.attempt + 1, leased_at=self._clock.wall())

    def unclaim(self, job_id: str) -> None:
        """Meanwhile it may have ended, or have been forgotten."""
        job = self._jobs.get(job_id)
        if job is not None and job.record.state is State.QUEUED:
            self._enqueue_first(job.record)

    def completed(self, job_id: str, fence: int, result: Result) -> JobRecord | None:
        record = self._held(job_id, fence)
        return record and evolve(
            record,
            state=State.COMPLETED,
            progress=100,
            finished_at=self._clock.wall(),
            result=result,
            result_state=ResultState.AVAILABLE,
        )

    def failed(self, job_id: str, fence: int, code: str, error: str) -> JobRecord | None:
        record = self._held(job_id, fence)
        return record and ended(record, self._clock.wall(), code, error)

    def released(self, job_id: str, fence: int) -> JobRecord | None:
        record = self._held(job_id, fence)
        return record and given_back(record, self._policy, self._clock.wall())

    def cancelled(self, job_id: str) -> JobRecord | None:
        """Ended by its client. A holder hears of it from its next report; None when it has ended before."""
        record = self._jobs[job_id].record
        return None if record.is_terminal else ended(record, self._clock.wall(), "cancelled", "it was cancelled")

    def noted_progress(self, job_id: str) -> JobRecord | None:
        """The record with a higher mark, when progress has come to the one that is written down."""
        job = self._jobs[job_id]
        if job.record.state is not State.RUNNING or job.progress <= job.record.progress:
            return None
        return evolve(job.record, progress=min(99, (job.progress // PROGRESS_STEP + 1) * PROGRESS_STEP))

    def result_gone(self, job_id: str, why: ResultState) -> JobRecord | None:
        record = self._jobs[job_id].record
        if record.result_state is not ResultState.AVAILABLE:
            return None
        return evolve(record, result_state=why, gone_at=self._clock.wall())

    def overdue(self, job_id: str) -> JobRecord | None:
        """The record of a job whose holder fell silent: queued again, or failed if that is too often."""
        job = self._jobs.get(job_id)
        if job is None or not job.is_silent(self._clock.monotonic()):
            return None
        alone = self._holders.was_alone(job_id)
        return fallen_silent(job.record, self._policy, self._clock.wall(), acknowledged=job.acknowledged, alone=alone)

    def waited_out(self, job_id: str) -> JobRecord | None:
        """The record of a job that nobody has come to work on in time."""
        job = self._jobs.get(job_id)
        if job is None or not job.has_waited_out(self._clock.monotonic()):
            return None
        return ended(job.record, self._clock.wall(), "queue_timeout", "nobody came to work on it in time")

    def commit(self, record: JobRecord, holder: str | None = None) -> None:
        """Make a written record the truth. `holder` is who got a claimed job."""
        job = self._jobs.get(record.job_id) or Job(record, record.progress)
        if job.record.is_terminal and job.record.state is not record.state:
            raise ValueError("no transition leaves a terminal state")
        was_queued = job.record.state is State.QUEUED and record.job_id in self._jobs
        self._jobs[record.job_id] = job
        job.record = record
        self.intake.note(record)
        self.repeats.note(record)
        self.quotas.note(record)
        if record.state is State.QUEUED and not was_queued:
            job.queued_at = self._clock.monotonic()
            job.queue_ends = job.queued_at + self._policy.queue_limit_s
            self._enqueue(record)
        if record.state is not State.QUEUED:
            self._queue.discard(record.job_id)
        if record.state is State.RUNNING:
            self._running[record.job_id] = job
        else:
            self._running.pop(record.job_id, None)
            self._holders.take_back(job.holder, record.job_id)
        if holder is not None:
            self._holders.give(holder, record.job_id)
            job.grant(holder, self._clock.monotonic(), self._policy.acknowledge_s)
        if record.is_terminal:
            self.downloads.drop(record.job_id)
            job.evict_at = self._clock.monotonic() + self._policy.kept_for_s(record, self._clock.wall())

    def load(self, record: JobRecord) -> None:
        """Take up a record found on disk."""
        self.commit(record)
        job = self._jobs[record.job_id]
        job.queue_ends = self._clock.monotonic() + self._policy.may_wait_s(record, self._clock.wall())
        job.queued_at -= max(0.0, self._clock.wall() - (record.queued_at or record.created_at))
        self._take_up(job)

    def renew_leases(self) -> None:
        """We have not listened for a while: let every holder have another period in which to report."""
        for job in self._jobs.values():
            self._take_up(job)

    def _take_up(self, job: Job) -> None:
        """A running job keeps its lease for one period. If nobody reports on it, that is no death of its holder."""
        if job.record.state is State.RUNNING:
            job.take_up(self._clock.monotonic(), self._policy.lease_s)
            self._holders.take_up(job.record.job_id)

    # -- in memory alone --------------------------------------------------------------------------

    def report(self, job_id: str, report: Report) -> bool:
        """Extend a lease and note progress. False when the holder must drop the job."""
        if self._held(job_id, report.fence) is None:
            return False
        self._jobs[job_id].hear(report.progress, self._clock.monotonic(), self._policy.lease_s)
        return True

    # -- what time has done ------------------------------------------------------------------------

    def silent(self) -> list[str]:
        """Running jobs whose lease has run out."""
        return self.all_that(Job.is_silent, self._running)

    def evictable(self) -> list[str]:
        """Jobs with a result that nobody came for in time and nobody is fetching now."""
        timed_out = self.all_that(Job.is_timed_out)
        return [j for j in timed_out if self._jobs[j].record.has_bytes and not self.downloads.active(j)]

    def forgettable(self) -> list[str]:
        """Jobs without bytes whose record has been kept long enough."""
        return [j for j in self.all_that(Job.is_timed_out) if not self._jobs[j].record.has_bytes]

    def forget(self, job_id: str) -> None:
        self.repeats.forget(self._jobs.pop(job_id).record)
        self.quotas.forget(job_id)

    # ----------------------------------------------------------------------------------------------

    def _enqueue(self, record: JobRecord) -> None:
        if record.attempt:  # what has waited before does not again
            self._enqueue_first(record)
        else:
            self._queue.add(record.job_id, record.order.estimated_s, record.owner)

    def _enqueue_first(self, record: JobRecord) -> None:
        self._queue.add_first(record.job_id, record.order.estimated_s, record.owner, alone=record.suspect)

    def all_that(self, which: Callable[[Job, float], bool], among: dict[str, Job] | None = None) -> list[str]:
        jobs, now = self._jobs if among is None else among, self._clock.monotonic()
        return [job_id for job_id, job in jobs.items() if which(job, now)]

    def _held(self, job_id: str, fence: int) -> JobRecord | None:
        job = self._jobs.get(job_id)
        if job is None or job.record.state is not State.RUNNING or job.record.attempt != fence:
            return None
        return job.record
