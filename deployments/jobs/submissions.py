"""Submissions: from an order to a job that is on disk."""

from __future__ import annotations

import logging

from deployments.errors import StorageError
from deployments.jobs.job import Job
from deployments.jobs.ledger import Ledger
from deployments.jobs.messages import Acceptance, Client, Refusal
from deployments.jobs.pace import Pace
from deployments.jobs.policy import Policy
from deployments.jobs.record import Idempotency, Order
from deployments.jobs.repeats import check_same
from deployments.jobs.table import JobTable
from deployments.jobs.turns import Turns
from deployments.storage.storage import JobStorage

log = logging.getLogger(__name__)


class Submissions:
    """The store's part that takes jobs in."""

    def __init__(self, storage: JobStorage, table: JobTable, ledger: Ledger, pace: Pace, policy: Policy) -> None:
        self._storage, self._table, self._ledger = storage, table, ledger
        self._pace, self._policy = pace, policy
        self._turns = Turns()

    async def submit(
        self, job_id: str, order: Order, idempotency: Idempotency | None, client: Client
    ) -> Acceptance | Refusal:
        """Write a new job down, or find the one that this key has made before."""
        if idempotency is None:
            return await self._write(job_id, order, None, client)
        async with self._turns.of(idempotency.key):
            before = self._table.find(self._table.repeats.job_of(idempotency) or "")
            try:
                if before is None:
                    return await self._write(job_id, order, idempotency, client)
                return check_same(idempotency, before.record) or self._acceptance(before, is_replay=True)
            finally:  # not when the upload's connection ends: its client may come again before that
                self._table.repeats.end(idempotency.key)

    async def _write(
        self, job_id: str, order: Order, idempotency: Idempotency | None, client: Client
    ) -> Acceptance | Refusal:
        try:
            record = self._table.accept(job_id, order, await self._storage.free_bytes(), idempotency, client)
        except StorageError:
            log.exception("the storage does not say how much room it has")
            return Refusal("storage_unavailable")
        if isinstance(record, Refusal):
            return record
        try:
            await self._ledger.write_new(record)
        except StorageError:
            log.exception("a job could not be written")
            self._table.take_back(job_id)
            return Refusal("storage_unavailable")
        job = self._table.find(job_id)
        return self._acceptance(job) if job else Acceptance(record, 0, record.created_at)

    def _acceptance(self, job: Job, *, is_replay: bool = False) -> Acceptance:
        outlook = self._table.workload.outlooks([job], self._pace).get(job.record.job_id)
        kept_until = job.record.created_at + self._policy.result_ttl_s
        return Acceptance(job.record, outlook.eta_s if outlook else 0, kept_until, is_replay)
