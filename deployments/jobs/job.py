"""A job as the table has it."""

from __future__ import annotations

from dataclasses import dataclass

from deployments.jobs.record import JobRecord, State


@dataclass(slots=True)
class Job:
    """A record and what is known about it in this life only."""

    record: JobRecord
    progress: int
    holder: str | None = None
    lease_ends: float = 0.0
    acknowledged: bool = True
    queued_at: float = 0.0
    queue_ends: float = float("inf")
    evict_at: float = float("inf")

    @property
    def shown_progress(self) -> int:
        """What clients may see of its progress, 0…99."""
        return min(99, self.progress, self.record.progress)

    @property
    def left_s(self) -> float:
        """Estimated seconds of work that are left."""
        return self.record.order.estimated_s * (1 - self.progress / 100)

    def is_silent(self, now: float) -> bool:
        """Whether it is leased, and its holder has not been heard of in time."""
        return self.record.state is State.RUNNING and self.lease_ends <= now

    def has_waited_out(self, now: float) -> bool:
        """Whether it has been in the queue for as long as it may."""
        return self.record.state is State.QUEUED and self.queue_ends <= now

    def is_timed_out(self, now: float) -> bool:
        """Whether it has ended, and been kept for as long as it is to be."""
        return self.record.is_terminal and self.evict_at <= now
