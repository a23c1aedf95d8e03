"""Backend: all that the routes need, so that tests can drive them without Serve."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from deployments.batching import Batched
from deployments.edge.lease import tell
from deployments.errands import Errands, insist
from deployments.errors import ServiceError, StorageError, StoreUnavailableError
from deployments.ingress.access import Access
from deployments.ingress.admission import Admission
from deployments.ingress.idempotency import payload_digest
from deployments.ingress.keys import KeyRing
from deployments.ingress.problems import refused
from deployments.ingress.slots import Slots
from deployments.ingress.upload import Upload
from deployments.ingress.welcome import Welcome
from deployments.jobs.messages import (
    ANYBODY,
    Acceptance,
    Asked,
    Client,
    Deletion,
    Document,
    DownloadGrant,
    DownloadOutcome,
    Offer,
    Refusal,
    Store,
)
from deployments.jobs.record import Idempotency, Order, new_job_id
from deployments.metrics import catalogue as figures
from deployments.metrics.meter import UNMETERED, Meter, timed
from deployments.storage.storage import JobStorage

log = logging.getLogger(__name__)

WAIT_STEP_S = 5.0
STORING_S = 60.0
"""How long storing an upload may take. The sweep removes inputs without a record after twice that time."""


@dataclass(frozen=True, slots=True)
class Backend:
    """Raises RequestError for every "no", StoreUnavailableError and StorageError for trouble."""

    store: Store
    storage: JobStorage
    admission: Admission
    max_waiting: int = 200
    access: Access = field(default_factory=Access)
    keys: KeyRing = field(default_factory=KeyRing)
    meter: Meter = UNMETERED
    errands: Errands = field(default_factory=Errands)
    slots: Slots = field(init=False)
    batched: Batched[Asked, Document | None] = field(init=False)
    welcome: Welcome = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slots", Slots(self.max_waiting))
        object.__setattr__(self, "batched", Batched(self.store.statuses, self.errands))
        object.__setattr__(self, "welcome", Welcome(self.store))

    @property
    def max_upload_bytes(self) -> int:
        return self.admission.serving.max_upload_bytes

    async def submit(self, upload: Upload, client: Client = ANYBODY, key: str | None = None) -> Acceptance:
        """Admit an upload. Its bytes and its record are durable when this returns. `key`: the digest of the
        client's Idempotency-Key."""
        options = self.admission.options(upload)
        if refusal := await self.welcome.why_not(client, key):
            raise refused(refusal.code, refusal.retry_after_s)
        with timed(self.meter, figures.STAGE_S, stage="admit"):
            order = await self.admission.admit(upload, options)
        idempotency = None
        if key is not None:
            payload = await asyncio.to_thread(payload_digest, upload.file, options)
            idempotency = Idempotency(key, payload)
        storing = asyncio.ensure_future(self._store_upload(upload, order, idempotency, client))
        try:
            return await asyncio.shield(storing)
        except asyncio.CancelledError:
            # A client that leaves now must not leave half a job behind.
            await asyncio.gather(storing, return_exceptions=True)
            raise

    async def _store_upload(
        self, upload: Upload, order: Order, idempotency: Idempotency | None, client: Client
    ) -> Acceptance:
        job_id = new_job_id()
        try:
            async with asyncio.timeout(STORING_S):
                await self.storage.put_input(job_id, upload.file)
            accepted = await self.store.submit(job_id, order, idempotency, client)
        except StoreUnavailableError:  # it may be a job by now, of which its client will never hear
            if idempotency is None:  # with a key it will: it comes again, and finds the job
                self.errands.start(self._withdraw(job_id))
            raise
        except (StorageError, TimeoutError):
            log.exception("job %s could not be stored", job_id)
            await self._discard(job_id)
            raise refused("storage_unavailable") from None
        if isinstance(accepted, Refusal):
            await self._discard(job_id)
            raise refused(accepted.code, accepted.retry_after_s)
        if accepted.is_replay:
            await self._discard(job_id)
        log.info("job %s is %s", accepted.record.job_id, "known" if accepted.is_replay else "accepted")
        return accepted

    async def _withdraw(self, job_id: str) -> None:
        """End a submission that the store may have heard of or not."""
        with contextlib.suppress(ServiceError):
            if await insist(partial(self.store.delete, job_id)) is None:
                await self._discard(job_id)

    async def _discard(self, job_id: str) -> None:
        with contextlib.suppress(StorageError):  # the sweep removes what is left
            await self.storage.delete_folder(job_id)

    async def status(self, job_id: str, wait_s: float = 0.0, client: Client = ANYBODY) -> dict[str, Any]:
        if wait_s > 0:
            with self.slots.one() as may_wait:
                document = await self._awaited(job_id, wait_s if may_wait else 0.0, client)
        else:
            document = await self.batched.get((job_id, client.name))
        if document is None:
            raise refused("job_not_found")
        return document

    async def _awaited(self, job_id: str, wait_s: float, client: Client) -> dict[str, Any] | None:
        """A status, when the job has ended or the time has. In steps: the store does not hear of a client that
        has left meanwhile."""
        ends_at = time.monotonic() + wait_s
        while True:
            step_s = min(WAIT_STEP_S, max(0.0, ends_at - time.monotonic()))
            document = await self.store.status(job_id, step_s, client.name)
            if document is None or document["status"] != "processing" or time.monotonic() >= ends_at:
                return document

    async def delete(self, job_id: str, client: Client = ANYBODY) -> Deletion:
        """Cancel a job, or purge its result."""
        deletion = await self.errands.whole(self.store.delete(job_id, client.name))
        if deletion is None:
            raise refused("job_not_found")
        return deletion

    async def offer(self, job_id: str, client: Client = ANYBODY) -> Offer:
        """What a download would give, without a lease."""
        offer = await self.store.offer(job_id, client.name)
        if isinstance(offer, Refusal):
            raise refused(offer.code)
        return offer

    async def lease_download(self, job_id: str, client: Client = ANYBODY) -> DownloadGrant:
        leasing = self.errands.start(self.store.lease_download(job_id, client.name))
        try:
            grant = await asyncio.shield(leasing)
        except asyncio.CancelledError:
            self.errands.start(self._give_back(leasing))
            raise
        if isinstance(grant, Refusal):
            raise refused(grant.code)
        return grant

    async def end_download(self, grant: DownloadGrant, outcome: DownloadOutcome) -> None:
        """Tell the store how a download went, also when its client has left."""
        await self.errands.whole(tell(self.store, grant.job_id, grant.lease_id, outcome))

    async def _give_back(self, leasing: asyncio.Task[DownloadGrant | Refusal]) -> None:
        with contextlib.suppress(ServiceError):
            grant = await leasing
            if isinstance(grant, DownloadGrant):
                await self.end_download(grant, "aborted")
