"""A job's way as server-sent events (WHATWG HTML, section 9.2): `progress`, then `completed` or `failed`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import StreamingResponse

from deployments.errors import ServiceError
from deployments.ingress.backend import Backend
from deployments.jobs.messages import Client

EVENTS = "text/event-stream"
NOT_AT_ALL = re.compile(r"q=0(\.0{0,3})?")
LOOK_S = 0.5
COMMENT_S = 15.0
"""Silence that proxies on the way take for the end of a connection."""
MOST_S = 3600.0
RETRY_MS = 2000
"""How soon a client that was cut off comes again."""


def wants_events(headers: Headers) -> bool:
    for part in headers.get("accept", "").lower().split(","):
        kind, *parameters = (word.replace(" ", "") for word in part.split(";"))
        if kind == EVENTS:
            return not any(NOT_AT_ALL.fullmatch(parameter) for parameter in parameters)
    return False


async def events_of(backend: Backend, job_id: str, client: Client) -> StreamingResponse:
    """The answer that follows a job to its end. Raises RequestError for a job that is not known."""
    first = await backend.status(job_id, client=client)
    headers = {"X-Accel-Buffering": "no"}  # nginx would hold the events back
    return StreamingResponse(_events(backend, job_id, client, first), headers=headers, media_type=EVENTS)


async def _events(backend: Backend, job_id: str, client: Client, document: dict[str, Any]) -> AsyncIterator[bytes]:
    yield f"retry: {RETRY_MS}\n\n".encode()
    shown: dict[str, Any] | None = None
    ends_at = time.monotonic() + MOST_S
    spoke_at = time.monotonic()
    with backend.slots.one() as may_wait:
        while True:
            if document != shown:
                yield _event(document)
                shown, spoke_at = document, time.monotonic()
            elif time.monotonic() - spoke_at > COMMENT_S:
                yield b": still there\n\n"
                spoke_at = time.monotonic()
            if document["status"] != "processing" or not may_wait or time.monotonic() > ends_at:
                return
            await asyncio.sleep(LOOK_S)
            with contextlib.suppress(ServiceError):  # of a store that is away for a moment
                document = await backend.status(job_id, client=client)


def _event(document: dict[str, Any]) -> bytes:
    name = "progress" if document["status"] == "processing" else document["status"]
    return f"event: {name}\ndata: {json.dumps(document)}\n\n".encode()
