"""A plain question for the status of a job, which the edge answers itself.

It is what clients ask most, and the way through Serve to an Ingress and back costs three times as much as the answer.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Scope

from deployments.batching import Batched
from deployments.ingress.problems import refused
from deployments.jobs.messages import Asked, Document

ADDRESS = re.compile(r"/api/v1/status/([0-9]{19})\Z")


def job_asked_for(scope: Scope) -> str | None:
    """The job whose status is wanted now. None for all else, which is the application's: to wait, to be told of
    events, to delete."""
    found = ADDRESS.search(scope["path"])
    if found is None or scope["method"] != "GET" or scope["query_string"]:
        return None
    headers = Headers(scope=scope)
    is_plain = "prefer" not in headers and "text/event-stream" not in headers.get("accept", "").lower()
    return found[1] if is_plain else None


async def status_answer(statuses: Batched[Asked, Document | None], asked: Asked) -> JSONResponse:
    """What the Ingress would say. Raises RequestError, ServiceError."""
    document = await statuses.get(asked)
    if document is None:
        raise refused("job_not_found")
    return JSONResponse(document)
