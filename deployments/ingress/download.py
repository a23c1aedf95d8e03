"""Stream a result once, and tell the store how it went."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from deployments.edge.delivery import GRANT_HEADER, Handover
from deployments.errors import ServiceError, StorageError
from deployments.ingress.backend import Backend
from deployments.ingress.problems import refused
from deployments.jobs.messages import DownloadGrant, DownloadOutcome

log = logging.getLogger(__name__)

EXTEND_S = 15.0
MEDIA_TYPES: Mapping[str, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
ENDINGS: Mapping[str, str] = {"png": "png", "jpeg": "jpg", "webp": "webp"}


def download_headers(grant: DownloadGrant) -> dict[str, str]:
    """Headers of the answer, as the contract lists them."""
    order, result = grant.order, grant.result
    name = f"{order.filename}_x{order.scale}.{ENDINGS[order.output_format]}"
    ascii_name = name.encode("ascii", "replace").decode().replace("?", "_")
    digest = base64.b64encode(bytes.fromhex(result.sha256)).decode()
    return {
        "Content-Type": MEDIA_TYPES[order.output_format],
        "Content-Length": str(result.size_bytes),
        "Content-Disposition": f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name)}",
        "ETag": f'"{result.sha256}"',
        "Repr-Digest": f"sha-256=:{digest}:",
        "Accept-Ranges": "none",
    }


async def download(backend: Backend, job_id: str, *, keep: bool = False, by_edge: bool = False) -> Response:
    """Lease the result and answer with its bytes, or leave that to the edge. With `keep` they stay.

    Raises RequestError.
    """
    grant = await backend.lease_download(job_id)
    if by_edge:
        return _handed_over(grant, keep)
    try:
        size_bytes, chunks = await backend.storage.stream_result(job_id, grant.result.name)
    except (FileNotFoundError, StorageError) as error:
        lost = isinstance(error, FileNotFoundError)
        await backend.end_download(grant, "lost" if lost else "aborted")
        raise refused("result_lost" if lost else "unavailable") from error
    if size_bytes != grant.result.size_bytes:
        await backend.end_download(grant, "lost")
        raise refused("result_lost")
    return Delivery(grant, chunks, backend, keep)


def _handed_over(grant: DownloadGrant, keep: bool) -> Response:
    """The head of the answer alone. The edge has the lease from here, and streams the bytes."""
    handover = Handover(grant.job_id, grant.lease_id, grant.result.name, grant.result.size_bytes, keep)
    answer = Response(headers=download_headers(grant))
    answer.headers[GRANT_HEADER] = handover.to_header()
    return answer


class Delivery(Response):
    """A streamed answer that ends its download lease: consumed when the last byte was taken,
    returned when the client left before."""

    def __init__(self, grant: DownloadGrant, chunks: AsyncIterator[bytes], backend: Backend, keep: bool) -> None:
        super().__init__(headers=download_headers(grant))
        self._grant, self._chunks, self._backend, self._keep = grant, chunks, backend, keep

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        extending = asyncio.ensure_future(self._extend())
        outcome: DownloadOutcome = "aborted"
        try:
            outcome = await self._stream(send, gone)
        except OSError:
            log.info("job %s: the download broke off", self._grant.job_id)
        finally:
            gone.cancel()
            extending.cancel()
            if outcome == "delivered" and self._keep:
                outcome = "aborted"  # the lease goes back, and nothing else happens
            await self._backend.end_download(self._grant, outcome)

    async def _stream(self, send: Send, gone: asyncio.Future[None]) -> DownloadOutcome:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        left_bytes = self._grant.result.size_bytes
        async for chunk in self._chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            left_bytes -= len(chunk)
            if gone.done():
                return "aborted"
        # Judged before the message that ends the response: after it, `receive` says "disconnect" in any case.
        await asyncio.sleep(0)
        delivered = left_bytes == 0 and not gone.done()
        await send({"type": "http.response.body", "body": b""})
        return "delivered" if delivered else "aborted"

    async def _extend(self) -> None:
        while True:
            await asyncio.sleep(EXTEND_S)
            with contextlib.suppress(ServiceError):
                await self._backend.store.extend_download(self._grant.job_id, self._grant.lease_id)


async def _disconnected(receive: Receive) -> None:
    message: Message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()
