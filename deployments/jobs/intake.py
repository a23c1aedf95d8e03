"""Intake: whether one more job can be promised. There must be room for it in the queue and in storage,
and somebody who will work on it. In memory alone."""

from __future__ import annotations

import math

from deployments.jobs.clock import Clock
from deployments.jobs.messages import Refusal
from deployments.jobs.policy import Policy
from deployments.jobs.record import JobRecord, Order

REPLICA_HEARD_S = 15.0
"""A replica that has nothing to do asks for work every ten seconds."""

SPARE_BYTES = 4 << 20
"""Room in storage that is promised to nobody: records are written anew while jobs run."""

DRAINING_RETRY_S = 60
"""Whoever drains a service is about to replace it."""


class Intake:
    """Told of every record that is written, and of every word of a replica."""

    def __init__(self, policy: Policy, clock: Clock) -> None:
        self._policy, self._clock = policy, clock
        self._promised: dict[str, int] = {}
        self._promised_bytes = 0
        self._unwritten: set[str] = set()
        self.is_draining = False
        """Whether no more jobs are taken, since somebody wants to end the service."""
        self._heard, self._heard_at = False, clock.monotonic()

    def hear(self) -> None:
        """A replica is alive."""
        self._heard = True
        self._heard_at = self._clock.monotonic()

    def promise(self, job_id: str, order: Order) -> None:
        """Keep room for a job and its result: from here on, since others come while its record is written."""
        self._unwritten.add(job_id)
        self._keep(job_id, order.most_result_bytes)

    def take_back(self, job_id: str) -> None:
        """A promise that could not be written down."""
        self._unwritten.discard(job_id)
        self._keep(job_id, 0)

    def note(self, record: JobRecord) -> None:
        """Keep room for the result of a job until it has ended."""
        self._unwritten.discard(record.job_id)
        self._keep(record.job_id, 0 if record.is_terminal else record.order.most_result_bytes)

    @property
    def num_unwritten(self) -> int:
        """Jobs that are accepted and on their way to storage."""
        return len(self._unwritten)

    def why_not_ready(self, free_bytes: int | None, waiting_since: float | None) -> str | None:
        """Why a job that came now would not soon be done."""
        if self.is_draining:
            return "The service takes no more jobs."
        if free_bytes is not None and self._promised_bytes + SPARE_BYTES > free_bytes:
            return "The storage is full."
        silent_s = self._clock.monotonic() - self._heard_at if self._heard else math.inf
        if silent_s < REPLICA_HEARD_S:
            return None
        if not self._policy.scales_to_zero:
            return "No replica is ready."
        if self._is_cold(waiting_since):
            return "Jobs are waiting, and no replica has come."
        return None

    def _is_cold(self, waiting_since: float | None) -> bool:
        """Whether jobs have waited for longer than a start may take, and nobody has been heard of."""
        if waiting_since is None:
            return False
        return self._clock.monotonic() - max(self._heard_at, waiting_since) > self._policy.cold_start_limit_s

    def _keep(self, job_id: str, size_bytes: int) -> None:
        self._promised_bytes += size_bytes - self._promised.pop(job_id, 0)
        if size_bytes:
            self._promised[job_id] = size_bytes

    def not_now(self, num_queued: int, num_own: int, *, waiting_since: float | None) -> Refusal | None:
        """Why no job is taken at all. `num_own`: what this client has in work; where there are keys, each has
        its share of the queue, whatever others do. `waiting_since` is when the job that has waited longest came
        into the queue."""
        if self.is_draining:
            return Refusal("draining", DRAINING_RETRY_S)
        share = self._policy.max_queued // (self._policy.num_keys + 1) if self._policy.num_keys else 0
        if num_queued + len(self._unwritten) >= self._policy.max_queued and num_own >= share:
            return Refusal("queue_full")
        return Refusal("no_replica") if self._is_cold(waiting_since) else None

    def no_room(self, order: Order, free_bytes: int | None) -> Refusal | None:
        """Why the storage cannot promise room for this job. `free_bytes`: what it has left; None when it has no end."""
        needed_bytes = self._promised_bytes + order.most_result_bytes + SPARE_BYTES
        return Refusal("storage_full") if free_bytes is not None and needed_bytes > free_bytes else None
