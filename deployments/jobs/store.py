"""JobStore: the one owner of all jobs. The table decides, this writes it down and tells others.

It runs as a detached actor (`actor.py`) and has no thread: everything happens on one event loop,
and what concerns one job happens in turn. Nobody is told of a state before it is in storage.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import Any

from deployments.errors import StorageError, StoreUnavailableError
from deployments.jobs.clock import SYSTEM, Clock
from deployments.jobs.document import Outlook, status_document
from deployments.jobs.downloads import ENDS_S, GONE
from deployments.jobs.endings import Endings
from deployments.jobs.handout import HandOut
from deployments.jobs.job import Job
from deployments.jobs.ledger import Ledger
from deployments.jobs.measures import Measures
from deployments.jobs.messages import (
    ANYBODY,
    Acceptance,
    Client,
    Deletion,
    Depth,
    DownloadGrant,
    DownloadOutcome,
    Grant,
    Offer,
    Refusal,
    Report,
)
from deployments.jobs.pace import Pace
from deployments.jobs.policy import Policy
from deployments.jobs.record import Idempotency, JobRecord, Order, Result, ResultState, State
from deployments.jobs.recovery import recover
from deployments.jobs.submissions import Submissions
from deployments.jobs.sweep import Sweeper
from deployments.jobs.table import JobTable
from deployments.jobs.waiters import Waiters
from deployments.metrics.meter import UNMETERED, Meter
from deployments.storage.owner import Ownership, ownership_of
from deployments.storage.storage import JobStorage

log = logging.getLogger(__name__)


class JobStore:
    """See `messages.Store` for what each call means. `start` it before any other call."""

    def __init__(self, storage: JobStorage, policy: Policy, clock: Clock = SYSTEM, meter: Meter = UNMETERED) -> None:
        self._storage, self._policy, self._pace = storage, policy, Pace()
        self.table = JobTable(policy, clock)
        self._ownership: Ownership = ownership_of(storage)
        self._measures = Measures(meter, self.table, policy, clock)
        self._ledger = Ledger(storage, self.table, self._measures, self._tell)
        self._submissions = Submissions(storage, self.table, self._ledger, self._pace, policy)
        self.waiters = Waiters()
        self._endings, self._download_ends = Endings(), Endings()
        self.lease_s = policy.lease_s
        self._hand_out = HandOut(self, self._ledger)
        self._sweeper = Sweeper(self, self._ledger, self._measures)
        self.trouble: str | None = "the job store has not started yet"

    async def start(self) -> None:
        """Own the storage, take up what is in it, and begin to sweep. Raises StorageError."""
        await self._ownership.take()
        self._measures.begin(await recover(self._storage, self.table))
        await self._sweeper.sweep()  # what expired while nothing ran is gone before the first answer
        self._sweeper.start()
        self._hand_out.start()
        self.trouble = None
        log.info("the job store is ready with %d jobs", len(self.table))

    async def tidy(self) -> None:
        await self._sweeper.tidy()

    async def close(self) -> None:
        self.trouble = "the job store is closed"
        await self._sweeper.close()
        await self._hand_out.close()
        self._ledger.is_closed = True
        await self._storage.written()  # whoever owns it next must find all that has been promised
        self._ownership.release()

    async def why_not_ready(self) -> str | None:
        self._require_ready()
        free_bytes = self.table.quotas.left_bytes(await self._storage.free_bytes())
        return self.table.intake.why_not_ready(free_bytes, self.table.workload.waiting_since())

    async def drain(self, *, on: bool) -> Depth:
        self._require_ready()
        self.table.intake.is_draining = on
        depth = self.table.workload.depth()
        return replace(depth, queued=depth.queued + self.table.intake.num_unwritten)

    async def check_health(self) -> None:
        if self._sweeper.has_stopped or self._hand_out.has_stopped:
            raise StoreUnavailableError("the sweep or the hand-out has stopped")

    def _require_ready(self) -> None:
        if self.trouble:
            raise StoreUnavailableError(self.trouble)

    # -- for the ingress ----------------------------------------------------------------------------

    async def submit(
        self, job_id: str, order: Order, idempotency: Idempotency | None = None, client: Client = ANYBODY
    ) -> Acceptance | Refusal:
        self._require_ready()
        return await self._submissions.submit(job_id, order, idempotency, client)

    async def why_not(self, client: Client, key: str | None = None) -> Refusal | None:
        self._require_ready()
        return None if self.table.repeats.knows(key) else self.table.gate.why_not_any(client)

    async def begin_upload(self, key: str) -> bool:
        self._require_ready()
        return self.table.repeats.begin(key)

    async def end_upload(self, key: str) -> None:
        self.table.repeats.end(key)

    async def status(self, job_id: str, wait_s: float = 0.0, owner: str | None = None) -> dict[str, Any] | None:
        self._require_ready()
        job = self.table.find(job_id, owner)
        if job is not None and not job.record.is_terminal and wait_s > 0:
            await self._endings.wait(job_id, wait_s)
        return (await self.statuses([(job_id, owner)]))[0]

    async def statuses(self, asked: list[tuple[str, str | None]]) -> list[dict[str, Any] | None]:
        self._require_ready()
        found = [self.table.find(job_id, owner) for job_id, owner in asked]
        outlooks = self.table.workload.outlooks((job for job in found if job), self._pace)
        return [self._document(job, outlooks.get(job.record.job_id)) if job else None for job in found]

    def _document(self, job: Job, outlook: Outlook | None) -> dict[str, Any]:
        return status_document(job, outlook, self.table.downloads.active(job.record.job_id), self._policy)

    async def delete(self, job_id: str, owner: str | None = None) -> Deletion | None:
        self._require_ready()
        if owner is None or self.table.find(job_id, owner):  # nobody else is to notice that there is something
            await self._ledger.settled(job_id)
        if (job := self.table.find(job_id, owner)) is None:
            return None
        ended: Deletion = "cancelling" if job.record.state is State.RUNNING else "cancelled"
        if await self._ledger.conclude(job_id, partial(self.table.cancelled, job_id)):
            return ended
        await self._ledger.discard_result(job_id, ResultState.DELETED)
        self._download_ends.announce(job_id)
        return "deleted"

    async def offer(self, job_id: str, owner: str | None = None) -> Offer | Refusal:
        self._require_ready()
        return self.table.downloads.offer(self.table.find(job_id, owner))

    async def lease_download(self, job_id: str, owner: str | None = None) -> DownloadGrant | Refusal:
        self._require_ready()
        if self.table.find(job_id, owner) and self.table.downloads.active(job_id):
            await self._download_ends.wait(job_id, ENDS_S)  # perhaps its last byte has just arrived
            self._require_ready()
        return self.table.downloads.lease(self.table.find(job_id, owner))

    async def extend_download(self, job_id: str, lease_id: int) -> bool:
        self._require_ready()
        return self.table.downloads.extend(job_id, lease_id)

    async def end_download(self, job_id: str, lease_id: int, outcome: DownloadOutcome) -> None:
        self._require_ready()
        downloads = self.table.downloads
        if outcome not in GONE:
            downloads.give_back(job_id, lease_id)
        elif downloads.holds(job_id, lease_id) or (self.table.find(job_id) and not downloads.active(job_id)):
            # A lease that nobody knows was given in an earlier life, but the bytes have arrived all the same.
            await self._ledger.discard_result(job_id, GONE[outcome])
        self._measures.download_ended(outcome)  # only now: where the storage fails, it is told again and again
        self._download_ends.announce(job_id)

    # -- for the replicas -----------------------------------------------------------------------------

    async def lease(self, holder: str, on_hand_s: float, wait_s: float) -> Grant | None:
        self._require_ready()
        self.table.intake.hear()
        with self.waiters.joined(holder, on_hand_s) as waiter:
            self._hand_out.wake()
            return await waiter.granted(wait_s)

    async def leave(self, holder: str) -> None:
        self.waiters.dismiss(holder)

    async def report(self, reports: dict[str, Report]) -> list[str]:
        self.table.intake.hear()
        dropped = [job_id for job_id, report in reports.items() if not self.table.report(job_id, report)]
        self._require_ready()  # only now: a holder that reports lives, whatever trouble we have ourselves
        try:
            for job_id in reports.keys() - set(dropped):
                await self._ledger.conclude(job_id, partial(self.table.noted_progress, job_id))
        except StorageError:
            log.exception("progress could not be written down; the leases hold all the same")
        return dropped

    async def complete(self, job_id: str, fence: int, result: Result) -> bool:
        self._require_ready()
        job = self.table.find(job_id)
        if job is not None and job.record.result == result:
            return True  # it was heard before, by an earlier life that could not say so any more
        return await self._ledger.conclude(job_id, partial(self.table.completed, job_id, fence, result))

    async def fail(self, job_id: str, fence: int, code: str, error: str) -> bool:
        self._require_ready()
        return await self._ledger.conclude(job_id, partial(self.table.failed, job_id, fence, code, error))

    async def release(self, job_id: str, fence: int) -> bool:
        self._require_ready()
        return await self._ledger.conclude(job_id, partial(self.table.released, job_id, fence))

    async def depth(self) -> Depth:
        self._require_ready()
        return self.table.workload.depth()

    async def proof(self) -> bytes:
        self._require_ready()
        return self._ownership.proof

    # -- for the sweep --------------------------------------------------------------------------------

    @property
    def storage(self) -> JobStorage:
        return self._storage

    async def check_ownership(self) -> None:
        """Refuse every call from now on if another store has taken the storage."""
        try:
            await self._ownership.check()
            self.trouble = None
        except StorageError as error:
            self.trouble = str(error)

    # ----------------------------------------------------------------------------------------------------

    def _tell(self, record: JobRecord) -> None:
        """Something has been written down: let those know who wait for it."""
        if record.is_terminal:
            self._endings.announce(record.job_id)
        if record.state is State.COMPLETED and record.result_state is ResultState.AVAILABLE:
            self._pace.learn(record.order.model, record.order.estimated_s, record.duration_s)
        self._hand_out.wake()
