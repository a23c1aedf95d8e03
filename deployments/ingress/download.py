"""Stream a result once, and tell the store how it went."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from deployments.edge.delivery import GRANT_HEADER, Delivery, Handover
from deployments.edge.lease import under_lease
from deployments.edge.result import open_result, why_not_there
from deployments.errors import RequestError, StorageError
from deployments.ingress.backend import Backend
from deployments.ingress.problems import refused
from deployments.jobs.messages import Client, DownloadOutcome, Offer

MEDIA_TYPES: Mapping[str, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
ENDINGS: Mapping[str, str] = {"png": "png", "jpeg": "jpg", "webp": "webp"}
KEEP: Mapping[str, bool] = {"1": True, "true": True, "0": False, "false": False}

PREVIEWS = re.compile(
    r"(slack|twitter|discord|telegram|linkedin|google|bing|apple|yandex|pinterest|duckduck)bot"
    r"|facebookexternalhit|whatsapp|skypeuripreview|slack-imgproxy|embedly|vkshare|iframely",
    re.IGNORECASE,
)
"""Programs that fetch every link which somebody sends to somebody."""


def is_preview(headers: Headers) -> bool:
    """Whether nobody has asked for this download: a browser guesses, or a link is looked at ahead."""
    purposes = [headers.get(name, "") for name in ("sec-purpose", "purpose", "x-purpose", "x-moz")]
    if any(word in purpose.lower() for purpose in purposes for word in ("prefetch", "prerender", "preview")):
        return True
    return PREVIEWS.search(headers.get("user-agent", "")) is not None


def keeps(keep: str | None) -> bool:
    """What `?keep=` says. Raises RequestError: a word that was misread would consume the result."""
    if keep is None:
        return False
    if keep not in KEEP:
        raise RequestError("invalid_keep", "keep must be 1 or 0.", allowed=list(KEEP))
    return KEEP[keep]


def download_headers(offer: Offer) -> dict[str, str]:
    """Headers of the answer, as the contract lists them."""
    order, result = offer.order, offer.result
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


async def download_head(backend: Backend, job_id: str, client: Client) -> Response:
    """What a download would say of itself. Consumes nothing, leases nothing. Raises RequestError."""
    return Response(headers=download_headers(await backend.offer(job_id, client)))


async def download(
    backend: Backend, job_id: str, client: Client, *, keep: bool = False, by_edge: bool = False
) -> Response:
    """Lease the result and answer with its bytes, or leave that to the edge. With `keep` they stay.

    Raises RequestError.
    """
    grant = await backend.lease_download(job_id, client)
    result = grant.result
    handover = Handover(grant.job_id, grant.lease_id, result.name, result.size_bytes, result.sha256, keep)
    if by_edge:
        return Response(headers={**download_headers(grant), GRANT_HEADER: handover.to_header()})
    try:
        chunks = await open_result(backend.storage, handover)
    except (FileNotFoundError, StorageError) as error:
        code = "unavailable"
        if isinstance(error, FileNotFoundError):
            code = await why_not_there(backend.storage, backend.store, job_id)
        await backend.end_download(grant, "lost" if code == "result_lost" else "aborted")
        raise refused(code) from error
    return _Streamed(download_headers(grant), handover, chunks, backend)


class _Streamed(Response):
    """Streams the result itself, where there is no edge to do it."""

    def __init__(
        self, headers: Mapping[str, str], handover: Handover, chunks: AsyncIterator[bytes], backend: Backend
    ) -> None:
        super().__init__(headers=headers)
        self._handover, self._chunks, self._backend = handover, chunks, backend

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        head: Message = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        delivery = Delivery(head, self._chunks, self._handover.size_bytes)

        async def stream() -> DownloadOutcome:
            return "delivered" if await delivery.run(receive, send) else "aborted"

        await under_lease(self._backend.store, self._backend.errands, self._handover, stream)
