"""A stored result on its way out: opened only when its bytes are those that were published."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Protocol

from deployments.edge.delivery import Handover
from deployments.errors import ServiceError
from deployments.jobs.messages import Offer, Refusal
from deployments.storage.proof import Witness, prove_same_storage
from deployments.storage.storage import JobStorage

LOOK_AGAIN_S = 2.0


class OfferingStore(Witness, Protocol):
    """What is asked of the job store when bytes are missing."""

    async def offer(self, job_id: str) -> Offer | Refusal: ...


async def open_result(storage: JobStorage, handover: Handover) -> AsyncIterator[bytes]:
    """The result's bytes, in chunks. It is read twice: what has begun to be streamed cannot be taken back.

    Raises FileNotFoundError when the bytes are gone or differ from their digest, StorageError.
    """
    size_bytes, chunks = await storage.stream_result(handover.job_id, handover.name)
    if size_bytes != handover.size_bytes:
        raise FileNotFoundError("the stored result has another size")
    digest = hashlib.sha256()
    async for chunk in chunks:
        await asyncio.to_thread(digest.update, chunk)
    if digest.hexdigest() != handover.sha256:
        raise FileNotFoundError("the stored result differs from its digest")
    return (await storage.stream_result(handover.job_id, handover.name))[1]


async def why_not_there(storage: JobStorage, store: OfferingStore, job_id: str) -> str:
    """The code for a result that `open_result` has not found: `result_lost`; or why it is gone by now; or
    `unavailable` when this process does not see the storage that the job store owns."""
    try:
        await prove_same_storage(storage, store, LOOK_AGAIN_S)
        offer = await store.offer(job_id)
    except ServiceError:
        return "unavailable"
    return offer.code if isinstance(offer, Refusal) else "result_lost"
