"""Repeats: which job a key of a client belongs to, and which keys are being used just now."""

from __future__ import annotations

from deployments.jobs.clock import Clock
from deployments.jobs.messages import Refusal
from deployments.jobs.record import Idempotency, JobRecord

UPLOAD_S = 1200.0
"""The longest that an upload may take: a body of 32 MiB at the slowest rate that is allowed."""


class Repeats:
    """Jobs by key as long as their records are kept; uploads in progress in memory alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, str] = {}
        self._uploads: dict[str, float] = {}

    def begin(self, key: str) -> bool:
        """Whether nobody else is uploading with this key."""
        now = self._clock.monotonic()
        if self._uploads.get(key, now) > now:
            return False
        self._uploads = {other: ends for other, ends in self._uploads.items() if ends > now}
        self._uploads[key] = now + UPLOAD_S
        return True

    def end(self, key: str) -> None:
        self._uploads.pop(key, None)

    def note(self, record: JobRecord) -> None:
        if record.idempotency is not None:
            self._jobs[record.idempotency.key] = record.job_id

    def forget(self, record: JobRecord) -> None:
        if record.idempotency is not None:
            self._jobs.pop(record.idempotency.key, None)

    def knows(self, key: str | None) -> bool:
        """Whether this key has made a job before."""
        return key in self._jobs

    def job_of(self, idempotency: Idempotency) -> str | None:
        """The job that this key has made before."""
        return self._jobs.get(idempotency.key)


def check_same(idempotency: Idempotency, record: JobRecord) -> Refusal | None:
    """A refusal when the key was used for something else."""
    return None if record.idempotency == idempotency else Refusal("idempotency_mismatch")
