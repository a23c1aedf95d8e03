"""Audit: what really lies in storage, beside what should. It goes by the listing alone, so that it also sees what the
sweep was to remove and did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from deployments.jobs.clock import Clock
from deployments.jobs.job import Job
from deployments.jobs.policy import Policy
from deployments.jobs.record import JobRecord, State
from deployments.jobs.table import JobTable
from deployments.storage.storage import TOMBSTONES, StoredFile

KINDS = ("input", "result", "record", "other")

UPLOAD_DEADLINE_S = 120.0
"""A file that belongs to no job and is older than this is of an upload whose ingress died: twice the time that
storing one may take."""

SLACK_S = 5.0
"""A sweep comes every two seconds, and deletions take their time."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Which files there are that should not be, for how long the worst of them should have been gone, and the
    bytes of all files by their kind."""

    overdue: frozenset[str] = frozenset()
    overdue_s: float = 0.0
    held_bytes: Counter[str] = field(default_factory=Counter)


class Audit:
    """Judges files. Changes nothing."""

    def __init__(self, table: JobTable, policy: Policy, clock: Clock) -> None:
        self._table, self._policy, self._clock = table, policy, clock

    def findings(self, files: Iterable[StoredFile]) -> Findings:
        held, overdue = Counter[str](), dict[str, float]()
        for file in files:
            held[kind_of(file)] += file.size_bytes
            if (overdue_s := self._overdue_s(file)) > SLACK_S:
                overdue[file.path] = overdue_s
        return Findings(frozenset(overdue), max(overdue.values(), default=0.0), held)

    def _overdue_s(self, file: StoredFile) -> float:
        """Seconds since it had to go; negative while it may stay."""
        job, now = self._table.find(file.job_id), self._clock.wall()
        if job is None:
            kept_s = self._policy.tombstone_ttl_s if file.folder == TOMBSTONES else 0.0
            return now - file.modified_at - max(kept_s, UPLOAD_DEADLINE_S)
        if file.folder == TOMBSTONES:
            return self._past_its_time_s(job)
        if not job.record.has_bytes:
            return now - self._policy.due_at(job.record)
        if not is_named(job.record, file.name):
            return now - max(file.modified_at, job.record.finished_at or 0.0) - UPLOAD_DEADLINE_S
        return self._past_its_time_s(job)

    def _past_its_time_s(self, job: Job) -> float:
        """Of a file that its job has a right to. What is being downloaded may be so for longer."""
        if self._table.downloads.active(job.record.job_id):
            return 0.0
        if job.record.state is State.RUNNING:
            return 0.0
        return self._clock.monotonic() - (job.evict_at if job.record.is_terminal else job.queue_ends)


def is_named(record: JobRecord, name: str) -> bool:
    """Whether a file in a job's folder is its record's to have. The running attempt's result is about to be named."""
    if record.result:
        return name in {"job.json", record.result.name}
    return name in {"job.json", f"result.{record.attempt}"} or (name == "input" and not record.is_terminal)


def kind_of(file: StoredFile) -> str:
    if file.folder == TOMBSTONES or file.name == "job.json":
        return "record"
    return "result" if file.name.startswith("result.") else "input" if file.name == "input" else "other"
