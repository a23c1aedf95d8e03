"""A stored result on its way out: opened only when its bytes are those that were published."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

from deployments.edge.delivery import Handover
from deployments.storage.storage import JobStorage


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
