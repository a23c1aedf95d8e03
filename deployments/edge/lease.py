"""A download's lease: kept alive while the bytes are on their way, then ended by how that went."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from deployments.edge.delivery import Handover
from deployments.errands import Errands, insist
from deployments.errors import ServiceError
from deployments.jobs.messages import DownloadOutcome

log = logging.getLogger(__name__)

EXTEND_S = 5.0


class LeaseStore(Protocol):
    """What a download needs of the job store."""

    async def extend_download(self, job_id: str, lease_id: int) -> bool: ...

    async def end_download(self, job_id: str, lease_id: int, outcome: DownloadOutcome) -> None: ...


async def under_lease(
    store: LeaseStore, errands: Errands, handover: Handover, stream: Callable[[], Awaitable[DownloadOutcome]]
) -> None:
    """Stream a result, and tell the store the outcome, also when the client has left."""
    outcome: DownloadOutcome = "aborted"
    extending = asyncio.ensure_future(_extend(store, handover))
    try:
        outcome = await stream()
    finally:
        extending.cancel()
        if outcome == "delivered" and handover.keep:
            outcome = "kept"  # the lease goes back, and nothing else happens
        await errands.whole(tell(store, handover.job_id, handover.lease_id, outcome))


async def tell(store: LeaseStore, job_id: str, lease_id: int, outcome: DownloadOutcome) -> None:
    """Tell the store how a download went, again and again until it has heard."""
    try:
        await insist(partial(store.end_download, job_id, lease_id, outcome))
    except ServiceError as error:
        log.warning("job %s: %s: the store was not told: %s", job_id, outcome, error)


async def _extend(store: LeaseStore, handover: Handover) -> None:
    while True:
        await asyncio.sleep(EXTEND_S)
        with contextlib.suppress(ServiceError):
            await store.extend_download(handover.job_id, handover.lease_id)
