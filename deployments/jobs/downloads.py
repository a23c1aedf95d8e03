"""Download leases: who is fetching a result just now. In memory alone; a new life has none."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from deployments.jobs.clock import Clock


@dataclass(slots=True)
class _Lease:
    lease_id: int
    ends: float


class DownloadLeases:
    """At most one lease for each job; one that is not extended in time has ended."""

    def __init__(self, lease_s: float, clock: Clock) -> None:
        self._lease_s, self._clock = lease_s, clock
        self._leases: dict[str, _Lease] = {}
        self._ids = itertools.count(1)

    def active(self, job_id: str) -> bool:
        lease = self._leases.get(job_id)
        return lease is not None and lease.ends > self._clock.monotonic()

    def holds(self, job_id: str, lease_id: int) -> bool:
        return self.active(job_id) and self._leases[job_id].lease_id == lease_id

    def take(self, job_id: str) -> int:
        """A new lease, in place of any before it."""
        lease = _Lease(next(self._ids), self._clock.monotonic() + self._lease_s)
        self._leases[job_id] = lease
        return lease.lease_id

    def extend(self, job_id: str, lease_id: int) -> bool:
        """The download still runs. False when the lease has ended."""
        if not self.holds(job_id, lease_id):
            return False
        self._leases[job_id].ends = self._clock.monotonic() + self._lease_s
        return True

    def give_back(self, job_id: str, lease_id: int) -> None:
        if self.holds(job_id, lease_id):
            del self._leases[job_id]

    def drop(self, job_id: str) -> None:
        """The result is gone: whatever lease there was means nothing."""
        self._leases.pop(job_id, None)
