"""Quotas: what each client has in work and in storage, and how fast it comes. In memory alone."""

from __future__ import annotations

import math
from collections import Counter

from deployments.jobs.clock import Clock
from deployments.jobs.messages import Client, Refusal
from deployments.jobs.record import JobRecord


class Quotas:
    """Told of every record that is written."""

    def __init__(self, clock: Clock, most_bytes: int | None = None) -> None:
        """`most_bytes`: of all clients together; None is no limit."""
        self._clock, self._most_bytes = clock, most_bytes
        self._held: dict[str, tuple[str, bool, int]] = {}
        self._num_jobs: Counter[str] = Counter()
        self._num_bytes: Counter[str] = Counter()
        self._ended_bytes = 0
        self._buckets: dict[str, tuple[float, float]] = {}

    def note(self, record: JobRecord) -> None:
        """Count a job as it is now: in work, with all that its result may need; or with the bytes that are kept."""
        held_bytes = 0 if record.is_terminal else record.order.most_result_bytes
        if record.is_terminal and record.has_bytes and record.result:
            held_bytes = record.result.size_bytes
        self.hold(record.job_id, record.owner, held_bytes, is_live=not record.is_terminal)

    def hold(self, job_id: str, owner: str, held_bytes: int, *, is_live: bool = True) -> None:
        """Count a job in place of what was known of it: from its acceptance on, since others come while its
        record is written."""
        self.forget(job_id)
        self._held[job_id] = owner, is_live, held_bytes
        self._num_jobs[owner] += is_live
        self._num_bytes[owner] += held_bytes
        self._ended_bytes += 0 if is_live else held_bytes

    def forget(self, job_id: str) -> None:
        owner, is_live, held_bytes = self._held.pop(job_id, ("", False, 0))
        self._num_jobs[owner] -= is_live
        self._num_bytes[owner] -= held_bytes
        self._ended_bytes -= 0 if is_live else held_bytes

    def num_jobs(self, owner: str) -> int:
        """What a client has in work."""
        return self._num_jobs[owner]

    def left_bytes(self, free_bytes: int | None) -> int | None:
        """What all jobs in work together may fill of the storage's `free_bytes`; None where nothing has an end."""
        if self._most_bytes is None:
            return free_bytes
        allowed_bytes = max(0, self._most_bytes - self._ended_bytes)
        return allowed_bytes if free_bytes is None else min(allowed_bytes, free_bytes)

    def why_not_any(self, client: Client) -> Refusal | None:
        """Why a client may not have one more job, whatever it is; changes nothing."""
        if client.max_jobs is not None and self._num_jobs[client.name] >= client.max_jobs:
            return Refusal("too_many_jobs")
        wait_s = self._wait_s(client)
        return Refusal("too_fast", math.ceil(wait_s)) if wait_s > 0 else None

    def why_not(self, client: Client, more_bytes: int) -> Refusal | None:
        """Why a client may not have one more job; None when it may, and then it counts toward its rate."""
        if refusal := self.why_not_any(client):
            return refusal
        if client.max_bytes is not None and self._num_bytes[client.name] + more_bytes > client.max_bytes:
            return Refusal("too_many_bytes")
        if client.per_minute is not None:
            tokens, filled_at = self._filled(client, client.per_minute)
            self._buckets[client.name] = tokens - 1, filled_at
        return None

    def _wait_s(self, client: Client) -> float:
        """0 when the client is within its rate; else the seconds until it is again. A token bucket of a minute."""
        if client.per_minute is None:
            return 0.0
        tokens, _ = self._filled(client, client.per_minute)
        return max(0.0, (1 - tokens) * 60 / client.per_minute)

    def _filled(self, client: Client, per_minute: float) -> tuple[float, float]:
        """A client's tokens now, and when that is."""
        now = self._clock.monotonic()
        tokens, filled_at = self._buckets.get(client.name, (per_minute, now))
        return min(per_minute, tokens + (now - filled_at) * per_minute / 60), now
