"""One download's way through the edge: what the application has leased is streamed from here."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.types import Message, Receive, Send

from deployments.edge.delivery import Delivery, Handover
from deployments.edge.lease import tell, under_lease
from deployments.edge.result import open_result, why_not_there
from deployments.edge.shared import Shared
from deployments.errors import RequestError, ServiceError
from deployments.ingress.problems import refused
from deployments.jobs.messages import DownloadOutcome, EdgeSettings
from deployments.storage.storage import JobStorage

log = logging.getLogger(__name__)


class Download:
    """`run` it once. `answer` sends an error in place of the result."""

    def __init__(
        self, edge: Shared, receive: Receive, send: Send, answer: Callable[[RequestError], Awaitable[None]]
    ) -> None:
        self._edge, self._receive, self._send, self._answer = edge, receive, send, answer

    async def run(self, head: Message, handover: Handover, settings: EdgeSettings) -> None:
        """Stream the result, unless as many are streamed as may be, and tell the store how it went."""
        if self._edge.num_downloads >= settings.max_downloads:
            await self._edge.errands.whole(tell(self._edge.store, handover.job_id, handover.lease_id, "aborted"))
            await self._answer(refused("too_many_downloads"))
            return
        self._edge.num_downloads += 1
        try:
            stream = partial(self._delivered, head, handover)
            await under_lease(self._edge.store, self._edge.errands, handover, stream)
        finally:
            self._edge.num_downloads -= 1

    async def _delivered(self, head: Message, handover: Handover) -> DownloadOutcome:
        try:
            storage = await self._edge.storage()
            chunks = await open_result(storage, handover)
        except FileNotFoundError as error:
            log.warning("job %s: %s", handover.job_id, error)
            return await self._not_there(storage, handover)
        except ServiceError as error:
            log.warning("job %s: the result cannot be read: %s", handover.job_id, error)
            await self._answer(refused("unavailable"))
            return "aborted"
        has_arrived = await Delivery(head, chunks, handover.size_bytes).run(self._receive, self._send)
        return "delivered" if has_arrived else "aborted"

    async def _not_there(self, storage: JobStorage, handover: Handover) -> DownloadOutcome:
        """Answer for bytes that are not as published: lost, unless somebody has deleted them just now or it
        is us who look in the wrong place."""
        code = await why_not_there(storage, self._edge.store, handover.job_id)
        if code == "unavailable":
            self._edge.forget()
        await self._answer(refused(code))
        return "lost" if code == "result_lost" else "aborted"
