"""The HTTP API: which address leads to which call. `create_app` needs no Serve."""

from __future__ import annotations

import contextlib
from typing import Annotated

from fastapi import FastAPI, Path, Query
from pydantic import WithJsonSchema
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deployments.edge.delivery import ANNOUNCEMENT
from deployments.errors import ServiceError
from deployments.ingress.about import add_descriptions
from deployments.ingress.access import CLIENT, Guard
from deployments.ingress.backend import Backend
from deployments.ingress.download import KEEP, download, download_head, is_preview, keeps
from deployments.ingress.envelope import Envelope
from deployments.ingress.events import events_of, wants_events
from deployments.ingress.idempotency import key_digest, reserved
from deployments.ingress.openapi import (
    DELETED,
    DESCRIPTION,
    DOWNLOADED,
    LOOKED_AT,
    STATUS,
    SUBMITTED,
    UPLOAD,
    WAITING,
    describe,
)
from deployments.ingress.page import add_page
from deployments.ingress.problems import install_problem_handlers, refused
from deployments.ingress.upload import ClientDisconnect, received
from deployments.ingress.waiting import MAX_WAIT_S, asked_wait_s, preferred_wait_s
from deployments.jobs.document import iso
from deployments.jobs.messages import Acceptance, Client

VERSION = "0.1.0"
CLIENT_CLOSED_REQUEST = 499

JobId = Annotated[str, Path(description="19 digits."), WithJsonSchema({"type": "string", "pattern": "^[0-9]{19}$"})]

Keep = Annotated[
    str | None,
    Query(description="1: the result stays on the server."),
    WithJsonSchema({"type": "string", "enum": list(KEEP)}),
]

Wait = Annotated[
    str | None,
    Query(description=f"Answer when the job has ended, or after so many seconds ({MAX_WAIT_S} at most)."),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 999_999_999}),
]


def create_app(backend: Backend, *, behind_serve_proxy: bool = False) -> FastAPI:
    """The application over a backend. Every answer carries the envelope, every error is a problem.

    Serve's proxy adds the request's id to every answer: behind it ours would be a second one.
    """
    app = FastAPI(title="Upscaler", version=VERSION, description=DESCRIPTION, redoc_url=None, redirect_slashes=False)
    app.add_middleware(Guard, access=backend.access, keys=backend.keys)
    app.add_middleware(Envelope, adds_request_id=not behind_serve_proxy, meter=backend.meter)
    install_problem_handlers(app)
    _add_jobs(app, backend)
    _add_downloads(app, backend)
    add_descriptions(app, backend)
    add_page(app)
    describe(app, needs_key=backend.keys.is_needed)
    return app


def _add_jobs(app: FastAPI, backend: Backend) -> None:
    @app.post(
        "/api/v1/upscale",
        status_code=202,
        summary="Submit an image",
        response_class=JSONResponse,
        responses=SUBMITTED,
        openapi_extra=UPLOAD,
    )
    async def upscale(request: Request) -> Response:
        key = key_digest(request.headers)
        try:
            async with (
                reserved(backend.store, backend.errands, None if is_by_edge(request) else key),
                received(request, backend.max_upload_bytes) as upload,
            ):
                acceptance = await backend.submit(upload, client_of(request), key)
        except ClientDisconnect:  # nobody is there to read this; the spooled bytes are gone
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        preferred_s = preferred_wait_s(request.headers.getlist("prefer"))
        if preferred_s is not None:
            return await _waited(backend, acceptance, preferred_s, client_of(request))
        return accepted(acceptance)

    @app.get(
        "/api/v1/status/{job_id}",
        summary="Ask how a job stands",
        response_class=JSONResponse,
        responses=STATUS,
        openapi_extra=WAITING,
    )
    async def status(request: Request, job_id: JobId, wait: Wait = None) -> Response:
        if wants_events(request.headers):
            return await events_of(backend, job_id, client_of(request))
        preferred_s = preferred_wait_s(request.headers.getlist("prefer"))
        document = await backend.status(job_id, max(asked_wait_s(wait), preferred_s or 0), client_of(request))
        applied = {} if preferred_s is None else {"Preference-Applied": f"wait={preferred_s}"}
        return JSONResponse(document, headers=applied)

    @app.delete(
        "/api/v1/status/{job_id}",
        summary="Cancel a job, or delete its result now",
        response_class=JSONResponse,
        responses=DELETED,
    )
    async def delete(request: Request, job_id: JobId) -> Response:
        client = client_of(request)
        deletion = await backend.delete(job_id, client)
        return JSONResponse(await backend.status(job_id, client=client), 202 if deletion == "cancelling" else 200)


def _add_downloads(app: FastAPI, backend: Backend) -> None:
    @app.get(
        "/api/v1/download/{job_id}",
        summary="Download the result, once",
        response_class=Response,
        responses=DOWNLOADED,
    )
    async def download_result(request: Request, job_id: JobId, keep: Keep = None) -> Response:
        if is_preview(request.headers):
            raise refused("preview_refused")
        return await download(backend, job_id, client_of(request), keep=keeps(keep), by_edge=is_by_edge(request))

    @app.head(
        "/api/v1/download/{job_id}",
        summary="Ask what a download would give, without taking it",
        response_class=Response,
        responses=LOOKED_AT,
    )
    async def look_at_result(request: Request, job_id: JobId) -> Response:
        return await download_head(backend, job_id, client_of(request))


def is_by_edge(request: Request) -> bool:
    """Whether an edge has let the request through, which does a part of the work."""
    return ANNOUNCEMENT in request.scope.get("extensions", {})


def client_of(request: Request) -> Client:
    """Who asks, as `Guard` has found out."""
    client: Client = request.scope[CLIENT]
    return client


def accepted(acceptance: Acceptance) -> JSONResponse:
    """The 202: the guide's three fields, and when to come back."""
    status_url = f"/api/v1/status/{acceptance.record.job_id}"
    body = {
        "success": True,
        "job_id": acceptance.record.job_id,
        "status_url": status_url,
        "eta_seconds": acceptance.eta_s,
        "expires_at": iso(acceptance.kept_until),
    }
    wait_s = max(1, min(30, acceptance.eta_s))
    headers = {"Location": status_url, "Retry-After": str(wait_s)}
    if acceptance.is_replay:
        headers["Idempotent-Replayed"] = "true"
    return JSONResponse(body, 202, headers)


async def _waited(backend: Backend, acceptance: Acceptance, wait_s: int, client: Client) -> JSONResponse:
    """The status of a job that has ended within `wait_s`; else the 202. What goes wrong after a job has been
    accepted must not hide its id."""
    answer = accepted(acceptance)
    with contextlib.suppress(ServiceError):
        document = await backend.status(acceptance.record.job_id, wait_s, client)
        if document["status"] != "processing":
            kept = {
                name: answer.headers[name] for name in ("Location", "Idempotent-Replayed") if name in answer.headers
            }
            answer = JSONResponse(document, 200, kept)
    answer.headers["Preference-Applied"] = f"wait={wait_s}"
    return answer
