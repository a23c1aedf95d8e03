"""Downloads: whether a result can be had, and who is fetching it just now.

Leases are in memory alone: a new life of the store has none.
"""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass

from deployments.jobs.clock import Clock
from deployments.jobs.job import Job
from deployments.jobs.messages import DownloadGrant, Offer, Refusal
from deployments.jobs.record import JobRecord, ResultState, State

ENDS_S = 0.5
"""How long a download waits for the one before it, before it is told that there is one."""

GONE = {"delivered": ResultState.DOWNLOADED, "lost": ResultState.LOST}
"""What a download that has ended leaves of the result."""


@dataclass(slots=True)
class _Lease:
    lease_id: int
    ends: float


class DownloadLeases:
    """At most one lease for each job; one that is not extended in time has ended."""

    def __init__(self, lease_s: float, clock: Clock) -> None:
        self._lease_s, self._clock = lease_s, clock
        self._leases: dict[str, _Lease] = {}
        self._ids = itertools.count(secrets.randbelow(2**62))  # none that an earlier life has given out

    def active(self, job_id: str) -> bool:
        lease = self._leases.get(job_id)
        return lease is not None and lease.ends > self._clock.monotonic()

    def holds(self, job_id: str, lease_id: int) -> bool:
        return self.active(job_id) and self._leases[job_id].lease_id == lease_id

    def offer(self, job: Job | None) -> Offer | Refusal:
        """What a download of this job would give."""
        if job is None:
            return Refusal("job_not_found")
        if refusal := why_not(job.record):
            return refusal
        if job.is_timed_out(self._clock.monotonic()):
            return Refusal("expired")
        return Offer(job.record.result, job.record.order) if job.record.result else Refusal("result_lost")

    def lease(self, job: Job | None) -> DownloadGrant | Refusal:
        """The right to stream its result; of many callers one gets it."""
        if job is None:
            return Refusal("job_not_found")
        offer, job_id = self.offer(job), job.record.job_id
        if isinstance(offer, Refusal):
            return offer
        if self.active(job_id):
            return Refusal("download_in_progress")
        return DownloadGrant(offer.result, offer.order, job_id, self.take(job_id))

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


def why_not(record: JobRecord) -> Refusal | None:
    """Why the result of a job cannot be had; None when it can."""
    if record.state is State.FAILED:
        return Refusal("job_failed")
    if record.state is not State.COMPLETED:
        return Refusal("not_ready")
    gone = {
        ResultState.DOWNLOADED: Refusal("already_downloaded"),
        ResultState.EXPIRED: Refusal("expired"),
        ResultState.DELETED: Refusal("deleted"),
        ResultState.LOST: Refusal("job_failed"),
    }
    return gone.get(record.result_state) if record.result_state else Refusal("result_lost")
