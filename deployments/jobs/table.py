"""JobTable: all jobs and every rule about them. No I/O, no thread, no Ray; the clock is injected.

A method that changes what must survive returns the *new record* and changes nothing: the caller
writes it to storage and then calls `commit`. So nobody ever sees a state that a crash could undo.
Leases, progress and the queue's order live in memory alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from deployments.jobs.clock import Clock
from deployments.jobs.downloads import DownloadLeases, why_not
from deployments.jobs.holders import Holders
from deployments.jobs.job import Job
from deployments.jobs.messages import Depth, DownloadGrant, Refusal, Report
from deployments.jobs.policy import Policy
from deployments.jobs.queue import JobQueue
from deployments.jobs.record import JobRecord, Order, Result, ResultState, State, evolve

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
        self.downloads = DownloadLeases(policy.download_lease_s, clock)

    # -- asking ---------------------------------------------------------------------------------

    def find(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def __len__(self) -> int:
        return len(self._jobs)

    def queue_position(self, job_id: str) -> int | None:
        """1 for the job that is next; None when it does not wait."""
        return self._queue.position(job_id)

    def shown_progress(self, job_id: str) -> int:
        """What clients may see of a job's progress, 0…99."""
        job = self._jobs[job_id]
        return min(99, job.progress, job.record.progress)

    def depth(self) -> Depth:
        running = [job for job in self._jobs.values() if job.record.state is State.RUNNING]
        left_s = sum(job.record.order.estimated_s * (1 - job.progress / 100) for job in running)
        return Depth(len(self._queue), len(running), self._queue.seconds + left_s)

    # -- changing: the new record, to be written and then committed -------------------------------

    def accept(self, job_id: str, order: Order) -> JobRecord | Refusal:
        if len(self._queue) >= self._policy.max_queued:
            return Refusal("queue_full")
        return JobRecord(job_id, order, created_at=self._clock.wall())

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
        record = self._jobs[job_id].record
        if record.state is State.QUEUED:
            self._queue.add_first(job_id, record.order.estimated_s, alone=record.suspect)

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
        return record and self._ended(record, code, error)

    def released(self, job_id: str, fence: int) -> JobRecord | None:
        record = self._held(job_id, fence)
        if record is not None and record.attempt >= self._policy.max_leases:
            return self._too_often(record)
        return record and evolve(record, state=State.QUEUED, releases=record.releases + 1)

    def cancelled(self, job_id: str) -> JobRecord | None:
        """Ended by its client. A holder hears of it from its next report; None when it has ended before."""
        record = self._jobs[job_id].record
        return None if record.is_terminal else self._ended(record, "cancelled", "upscale failed: it was cancelled")

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
        if job is None or job.record.state is not State.RUNNING or job.lease_ends > self._clock.monotonic():
            return None
        # A grant that nobody acknowledged went to a replica that was gone: no death of a holder.
        record, died = job.record, job.acknowledged
        deaths, releases = record.deaths + (died and self._holders.was_alone(job_id)), record.releases + (not died)
        if deaths >= self._policy.max_deaths or record.attempt - releases >= self._policy.max_attempts:
            return self._ended(record, "worker_crashed", "upscale failed: the image ended its worker", deaths=deaths)
        if record.attempt >= self._policy.max_leases:
            return self._too_often(record)
        suspect = record.suspect or died
        return evolve(record, state=State.QUEUED, deaths=deaths, releases=releases, suspect=suspect)

    def commit(self, record: JobRecord, holder: str | None = None) -> None:
        """Make a written record the truth. `holder` is who got a claimed job."""
        job = self._jobs.get(record.job_id) or Job(record, record.progress)
        was_queued = job.record.state is State.QUEUED and record.job_id in self._jobs
        self._jobs[record.job_id] = job
        job.record = record
        if record.state is State.QUEUED and not was_queued:
            self._enqueue(record)
        if record.state is not State.QUEUED:
            self._queue.discard(record.job_id)
        if record.state is not State.RUNNING:
            self._holders.take_back(job.holder, record.job_id)
        if holder is not None:
            self._holders.give(holder, record.job_id)
            job.holder = holder
            job.acknowledged = False
            job.lease_ends = self._clock.monotonic() + self._policy.acknowledge_s
        if record.is_terminal:
            self.downloads.drop(record.job_id)
            job.evict_at = self._clock.monotonic() + self._remaining_s(record)

    def load(self, record: JobRecord) -> None:
        """Take up a record found on disk. A job that was running keeps its lease for one period; if
        nobody reports on it, everything was restarted, and that is no death of its holder."""
        self.commit(record)
        if record.state is State.RUNNING:
            job = self._jobs[record.job_id]
            job.acknowledged, job.lease_ends = False, self._clock.monotonic() + self._policy.lease_s
            self._holders.take_up(record.job_id)

    # -- in memory alone --------------------------------------------------------------------------

    def report(self, job_id: str, report: Report) -> bool:
        """Extend a lease and note progress. False when the holder must drop the job."""
        if self._held(job_id, report.fence) is None:
            return False
        job = self._jobs[job_id]
        job.acknowledged = True
        job.lease_ends = self._clock.monotonic() + self._policy.lease_s
        job.progress = max(job.progress, min(99, report.progress))
        return True

    def lease_download(self, job_id: str) -> DownloadGrant | Refusal:
        job = self._jobs.get(job_id)
        if job is None:
            return Refusal("job_not_found")
        refusal = why_not(job.record)
        if refusal is None and job.evict_at <= self._clock.monotonic():
            refusal = Refusal("expired")
        if refusal is None and self.downloads.active(job_id):
            refusal = Refusal("download_in_progress")
        if refusal is not None or job.record.result is None:
            return refusal or Refusal("result_lost")
        return DownloadGrant(job_id, self.downloads.take(job_id), job.record.result, job.record.order)

    # -- what time has done ------------------------------------------------------------------------

    def silent(self) -> list[str]:
        """Running jobs whose lease has run out."""
        now = self._clock.monotonic()
        return [j for j, job in self._jobs.items() if job.record.state is State.RUNNING and job.lease_ends <= now]

    def evictable(self) -> list[str]:
        """Jobs with a result that nobody came for in time and nobody is fetching now."""
        return [j for j, job in self._timed_out() if job.record.has_bytes and not self.downloads.active(j)]

    def forgettable(self) -> list[str]:
        """Jobs without bytes whose record has been kept long enough."""
        return [j for j, job in self._timed_out() if not job.record.has_bytes]

    def forget(self, job_id: str) -> None:
        del self._jobs[job_id]

    # ----------------------------------------------------------------------------------------------

    def _enqueue(self, record: JobRecord) -> None:
        if record.attempt:  # what has waited before does not again
            self._queue.add_first(record.job_id, record.order.estimated_s, alone=record.suspect)
        else:
            self._queue.add(record.job_id, record.order.estimated_s)

    def _timed_out(self) -> Iterator[tuple[str, Job]]:
        now = self._clock.monotonic()
        return ((j, job) for j, job in list(self._jobs.items()) if job.record.is_terminal and job.evict_at <= now)

    def _held(self, job_id: str, fence: int) -> JobRecord | None:
        job = self._jobs.get(job_id)
        if job is None or job.record.state is not State.RUNNING or job.record.attempt != fence:
            return None
        return job.record

    def _ended(self, record: JobRecord, code: str, error: str, deaths: int | None = None) -> JobRecord:
        now = self._clock.wall()
        deaths = record.deaths if deaths is None else deaths
        return evolve(
            record, state=State.FAILED, finished_at=now, gone_at=now, error=error, error_code=code, deaths=deaths
        )

    def _too_often(self, record: JobRecord) -> JobRecord:
        return self._ended(record, "too_many_attempts", "upscale failed: it was tried too often")

    def _remaining_s(self, record: JobRecord) -> float:
        """Seconds until the bytes, or what is left of the record, go: by the wall clock that was
        written down, but never more than the whole time even if that clock has been set back."""
        ttl_s = self._policy.result_ttl_s if record.has_bytes else self._policy.tombstone_ttl_s
        since = record.finished_at if record.has_bytes else record.gone_at
        return min(ttl_s, (since or 0.0) + ttl_s - self._clock.wall())
