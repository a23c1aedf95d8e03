"""The numbers of the promise."""

from __future__ import annotations

from dataclasses import dataclass

from deployments.jobs.record import JobRecord, ResultState

OVERHEAD_S = 0.5
"""Of every job, whatever its size: reading, decoding, encoding, storing."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Seconds throughout. `max_deaths` counts only deaths of a holder that had this one job alone."""

    result_ttl_s: float = 900.0
    tombstone_ttl_s: float = 900.0
    lease_s: float = 15.0
    acknowledge_s: float = 5.0
    download_lease_s: float = 20.0
    queue_limit_s: float = 86_400.0
    cold_start_limit_s: float = 300.0
    scales_to_zero: bool = False
    stuck_after_s: float = 600.0
    max_deaths: int = 2
    max_attempts: int = 5
    max_leases: int = 50
    max_queued: int = 1000
    max_stored_bytes: int | None = None
    num_keys: int = 0

    def kept_for_s(self, record: JobRecord, wall: float) -> float:
        """Seconds until the bytes of an ended job, or what is left of its record, go."""
        if record.has_bytes:
            return _left_s(self.result_ttl_s, record.finished_at, wall)
        return _left_s(self.tombstone_ttl_s, record.gone_at, wall)

    def due_at(self, record: JobRecord) -> float:
        """When bytes of an ended job had to go, by the wall clock: its input, or, once that is decided, its result."""
        if record.result_state is ResultState.EXPIRED:
            return (record.finished_at or 0.0) + self.result_ttl_s
        return record.gone_at or record.finished_at or 0.0

    def may_wait_s(self, record: JobRecord, wall: float) -> float:
        """Seconds that a job may stay in the queue, as an earlier life left it."""
        return _left_s(self.queue_limit_s, record.queued_at or record.created_at, wall)


def _left_s(whole_s: float, since: float | None, wall: float) -> float:
    """By the wall clock that was written down, but never more than the whole time even if that clock has
    been set back."""
    return min(whole_s, (since or 0.0) + whole_s - wall)
