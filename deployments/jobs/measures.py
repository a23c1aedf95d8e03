"""Measures: what becomes of jobs, told as figures."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from deployments.jobs.audit import KINDS, Audit, Findings
from deployments.jobs.clock import Clock
from deployments.jobs.messages import DownloadOutcome
from deployments.jobs.policy import Policy
from deployments.jobs.record import JobRecord, ResultState, State
from deployments.jobs.table import JobTable
from deployments.metrics import catalogue as figures
from deployments.metrics.meter import Meter
from deployments.storage.storage import StoredFile

log = logging.getLogger(__name__)

PROMISES = ("input_lost", "result_lost", "record_unreadable", "kept_too_long")
LOST = "input_lost"


class Measures:
    """Told by the store of whatever it writes, removes and finds."""

    def __init__(self, meter: Meter, table: JobTable, policy: Policy, clock: Clock) -> None:
        self._meter, self._table, self._policy, self._clock = meter, table, policy, clock
        self._audit = Audit(table, policy, clock)
        self._findings = Findings()
        self._known_stuck: set[str] = set()

    def begin(self, num_unreadable: int) -> None:
        """Let what may never happen be seen as 0, and tell of the records that recovery could not read."""
        for promise in PROMISES:
            self._meter.count(figures.VIOLATIONS, 0, promise=promise)
        for result in ("delivered", "kept", "aborted", "lost"):
            self._meter.count(figures.DOWNLOADS, 0, result=result)
        for why in ("silent", "released"):
            self._meter.count(figures.JOBS_REQUEUED, 0, why=why)
        self.violated("record_unreadable", num_unreadable)

    # -- what happens ---------------------------------------------------------------------------------

    def wrote(self, before: JobRecord | None, after: JobRecord) -> None:
        """A record is on disk, and `before` is what it was."""
        if before is None:
            self._meter.count(figures.JOBS_ACCEPTED, model=after.order.model)
        elif after.is_terminal and not before.is_terminal:
            self._ended(after)
        elif after.state is State.QUEUED:
            why = "released" if after.releases > before.releases else "silent"
            self._meter.count(figures.JOBS_REQUEUED, why=why)
        elif before.state is State.QUEUED and after.leased_at is not None:
            waited_s = after.leased_at - (before.queued_at or before.created_at)
            self._meter.observe(figures.STAGE_S, max(0.0, waited_s), stage="queue")
        if after.result_state is ResultState.LOST:
            self.violated("result_lost")

    def _ended(self, record: JobRecord) -> None:
        outcome = record.error_code or "completed"
        self._meter.count(figures.JOBS_ENDED, model=record.order.model, outcome=outcome)
        if record.state is State.COMPLETED and record.finished_at is not None:
            taken_s = record.finished_at - record.created_at
            self._meter.observe(figures.STAGE_S, max(0.0, taken_s), stage="all")
        if record.error_code == LOST:
            self.violated(LOST)

    def removed(self, record: JobRecord) -> None:
        """The bytes that a record no longer needs have been deleted."""
        is_kept = record.result_state in (None, ResultState.AVAILABLE)
        why = "ended" if is_kept else str(record.result_state)
        lag_s = self._clock.wall() - self._policy.due_at(record)
        self._meter.observe(figures.DELETION_LAG_S, max(0.0, lag_s), why=why)

    def download_ended(self, outcome: DownloadOutcome) -> None:
        self._meter.count(figures.DOWNLOADS, result=outcome)

    def violated(self, promise: str, times: int = 1) -> None:
        if times:
            self._meter.count(figures.VIOLATIONS, times, promise=promise)

    # -- how it stands --------------------------------------------------------------------------------

    def found(self, files: Iterable[StoredFile]) -> None:
        """The storage has been looked through, and this is all that it holds."""
        findings = self._audit.findings(files)
        if unheard_of := findings.overdue - self._findings.overdue:
            log.error("%d files should have been deleted by now, for example %s", len(unheard_of), min(unheard_of))
            self.violated("kept_too_long", len(unheard_of))
        self._findings = findings

    def look(self, took_s: float) -> None:
        """Show how all stands, after a sweep that took so long."""
        depth, waiting_since = self._table.workload.depth(), self._table.workload.waiting_since()
        oldest_s = 0.0 if waiting_since is None else self._clock.monotonic() - waiting_since
        self._meter.show(figures.QUEUE_JOBS, depth.queued, state="queued")
        self._meter.show(figures.QUEUE_JOBS, depth.running, state="running")
        self._meter.show(figures.QUEUE_WORK_S, depth.seconds)
        self._meter.show(figures.QUEUE_OLDEST_S, oldest_s)
        self._meter.show(figures.STUCK_JOBS, len(self._stuck()))
        self._meter.show(figures.OVERDUE_FILES, len(self._findings.overdue))
        self._meter.show(figures.OVERDUE_S, self._findings.overdue_s)
        for kind in KINDS:
            self._meter.show(figures.HELD_BYTES, self._findings.held_bytes[kind], kind=kind)
        self._meter.observe(figures.SWEEP_S, took_s)

    def _stuck(self) -> set[str]:
        """Jobs that do not move. The log names each once, for whoever comes to look."""
        stuck = self._table.workload.standing_still(self._clock.monotonic(), self._policy.stuck_after_s)
        for job_id in stuck - self._known_stuck:
            log.warning("job %s has not moved for %.0f s", job_id, self._policy.stuck_after_s)
        self._known_stuck = stuck
        return stuck
