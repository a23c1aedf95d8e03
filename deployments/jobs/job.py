"""A job as the table has it."""

from __future__ import annotations

from dataclasses import dataclass

from deployments.jobs.record import JobRecord


@dataclass(slots=True)
class Job:
    """A record and what is known about it in this life only."""

    record: JobRecord
    progress: int
    holder: str | None = None
    lease_ends: float = 0.0
    acknowledged: bool = True
    evict_at: float = float("inf")
