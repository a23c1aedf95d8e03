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
    moved_at: float = 0.0

    @property
    def shown_progress(self) -> int:
        """What clients may see of its progress, 0…99."""
        return min(99, self.progress, self.record.progress)

    @property
    def left_s(self) -> float:
        """Estimated seconds of work that are left."""
        return self.record.order.estimated_s * (1 - self.progress / 100)

    def grant(self, holder: str, now: float, acknowledge_s: float) -> None:
        """Note who has it, and by when there must be word of it."""
        self.holder, self.acknowledged = holder, False
        self.moved_at, self.lease_ends = now, now + acknowledge_s

    def take_up(self, now: float, lease_s: float) -> None:
        """Let whoever had it have another period in which to report."""
        self.acknowledged, self.moved_at, self.lease_ends = False, now, now + lease_s

    def hear(self, progress: int, now: float, lease_s: float) -> None:
        """Note a word of its holder."""
        self.acknowledged, self.lease_ends = True, now + lease_s
        if progress > self.progress:
            self.progress, self.moved_at = min(99, progress), now

    def is_silent(self, now: float) -> bool:
        """Whether it is leased, and its holder has not been heard of in time."""
        return self.record.state is State.RUNNING and self.lease_ends <= now

    def stands_still(self, now: float, stuck_after_s: float) -> bool:
        """Whether it is leased, and its progress has been the same for so long."""
        return self.record.state is State.RUNNING and self.moved_at + stuck_after_s <= now

    def has_waited_out(self, now: float) -> bool:
        """Whether it has been in the queue for as long as it may."""
        return self.queue_ends <= now and self.record.state is State.QUEUED

    def is_timed_out(self, now: float) -> bool:
        """Whether it has ended, and been kept for as long as it is to be."""
        return self.evict_at <= now and self.record.is_terminal
