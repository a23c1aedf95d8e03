"""Errors as the contract writes them: RFC 9457 bodies, one table from code to status.

RFC 9457's `status` member is left out: it would collide with the job's.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match, Route

from deployments.errors import DecoderError, RequestError, StorageError, StoreUnavailableError

log = logging.getLogger(__name__)

PROBLEMS: Mapping[str, tuple[int, str]] = {
    "bad_multipart": (400, "The form cannot be read"),
    "not_found": (404, "Not found"),
    "job_not_found": (404, "No such job"),
    "body_too_slow": (408, "The body came too slowly"),
    "host_not_allowed": (400, "Unknown host"),
    "unauthorized": (401, "No valid key"),
    "too_many_jobs": (429, "Too many jobs"),
    "too_many_bytes": (429, "Too many bytes"),
    "too_fast": (429, "Too fast"),
    "origin_not_allowed": (403, "Not for this web page"),
    "preview_refused": (403, "Not for previews"),
    "method_not_allowed": (405, "Method not allowed"),
    "not_ready": (409, "Not ready"),
    "job_failed": (409, "The job failed"),
    "download_in_progress": (409, "Download in progress"),
    "already_downloaded": (410, "Already downloaded"),
    "expired": (410, "Expired"),
    "deleted": (410, "Deleted"),
    "body_too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "Not a multipart form"),
    "unsupported_image_format": (415, "Not a PNG, JPEG or WEBP image"),
    "missing_image": (422, "The image is missing"),
    "duplicate_image": (422, "More than one image"),
    "empty_image": (422, "The image is empty"),
    "invalid_scale": (422, "Scale must be 2, 3 or 4"),
    "invalid_format": (422, "Unknown format"),
    "invalid_quality": (422, "Quality must be 1 to 100"),
    "invalid_metadata": (422, "Metadata must be strip or keep"),
    "invalid_idempotency_key": (400, "Not an idempotency key"),
    "upload_in_progress": (409, "The first upload with this key has not ended"),
    "idempotency_mismatch": (422, "The key was used for something else"),
    "invalid_keep": (422, "keep must be 1 or 0"),
    "invalid_wait": (422, "wait must be a number of seconds"),
    "unknown_model": (422, "Unknown model"),
    "model_not_available": (422, "Model not available"),
    "invalid_image": (422, "The image cannot be decoded"),
    "image_too_large": (422, "The image is too large"),
    "animated_not_supported": (422, "Animated images are not supported"),
    "bad_request": (400, "Bad request"),
    "internal": (500, "Internal error"),
    "result_lost": (500, "The result was lost"),
    "queue_full": (503, "The queue is full"),
    "draining": (503, "No more jobs"),
    "no_replica": (503, "Nobody works on jobs"),
    "storage_full": (503, "Storage is full"),
    "too_many_uploads": (503, "Too many uploads at once"),
    "too_many_downloads": (503, "Too many downloads at once"),
    "storage_unavailable": (503, "Storage is unavailable"),
    "not_ready_yet": (503, "Not ready"),
    "unavailable": (503, "Temporarily unavailable"),
}

SENTENCES: Mapping[str, str] = {
    "host_not_allowed": "This service does not answer to the name in the Host header.",
    "unauthorized": "Send a valid key as Authorization: Bearer, or as X-API-Key.",
    "too_many_jobs": "This key has as many jobs in work as it may.",
    "too_many_bytes": "This key has as many bytes in storage as it may: download or delete results first.",
    "too_fast": "This key submits faster than it may.",
    "origin_not_allowed": "Web pages of this origin may not use this service.",
    "upload_in_progress": "Another upload with this Idempotency-Key has not ended yet.",
    "idempotency_mismatch": "This Idempotency-Key was used for another image or other options.",
    "job_not_found": "There is no job with this id.",
    "not_ready": "The result is not ready yet: ask for the job's status first.",
    "job_failed": "The job failed, so there is no result: its status says why.",
    "download_in_progress": "Another request is downloading this result.",
    "already_downloaded": "The result was downloaded before and has been deleted.",
    "deleted": "The result was deleted on request.",
    "expired": "Nobody downloaded the result in time, so it has been deleted.",
    "result_lost": "The result can no longer be read.",
    "internal": "Something went wrong on our side.",
    "queue_full": "Too many jobs are waiting; try again later.",
    "draining": "The service is about to be stopped and takes no more jobs; try again later.",
    "no_replica": "Jobs are waiting, and nobody has come to work on them for a while; try again later.",
    "storage_full": "There is no room for the result of another job; try again later.",
    "preview_refused": "A result can be downloaded once, so it is not given to previews and prefetches.",
    "body_too_slow": "The body did not come in time.",
    "too_many_uploads": "Too many uploads are on their way; try again shortly.",
    "too_many_downloads": "Too many downloads are running; try again shortly.",
    "storage_unavailable": "The job could not be stored; try again later.",
    "not_ready_yet": "The job store does not answer.",
    "unavailable": "The service cannot answer just now; try again shortly.",
}

RETRY_AFTER_S: Mapping[str, int] = {
    "download_in_progress": 1,
    "upload_in_progress": 2,
    "queue_full": 10,
    "draining": 60,
    "too_many_jobs": 10,
    "too_many_bytes": 30,
    "too_fast": 1,
    "no_replica": 60,
    "storage_full": 30,
    "too_many_uploads": 2,
    "too_many_downloads": 2,
    "storage_unavailable": 10,
    "not_ready_yet": 5,
    "unavailable": 2,
}

PROBLEM = "upscaler.problem"
"""Where a request's scope has the code of the error that it is answered with, for whoever counts them."""

UNAUTHORIZED, METHOD_NOT_ALLOWED = 401, 405

HTTP_CODES: Mapping[int, str] = {400: "bad_request", 404: "not_found", 405: "method_not_allowed"}


def refused(code: str, retry_after_s: int | None = None, sentence: str | None = None) -> RequestError:
    """The error for a code. `retry_after_s` and `sentence`: where more is known than the tables say."""
    return RequestError(code, sentence or SENTENCES[code], retry_after_s=retry_after_s or RETRY_AFTER_S.get(code))


def problem(request: Request, error: RequestError) -> JSONResponse:
    """The answer for an error."""
    status, title = PROBLEMS[error.code]
    request.scope[PROBLEM] = error.code
    body: dict[str, Any] = {
        "success": False,
        "error": error.sentence,
        "code": error.code,
        "title": title,
        "detail": error.sentence,
        "instance": request.scope.get("upscaler.request_id"),
        **error.facts,
    }
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    if status == UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _methods(request: Request) -> str:
    """All that an address has; Starlette names those of the first of its routes."""
    routes = (route for route in request.app.routes if isinstance(route, Route))
    matching = (route for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(sorted({method for route in matching for method in route.methods or ()}))


def install_problem_handlers(app: FastAPI) -> None:
    """Replace every error body of the framework by ours."""

    async def on_request_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestError)  # noqa: S101  (starlette types handlers by Exception)
        return problem(request, error)

    async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101
        code = HTTP_CODES.get(error.status_code, "bad_request")
        sentence = {"not_found": "There is nothing at this address."}.get(code, f"{PROBLEMS[code][1]}.")
        answer = problem(request, RequestError(code, sentence))
        answer.headers.update(error.headers or {})
        if error.status_code == METHOD_NOT_ALLOWED:
            answer.headers["Allow"] = _methods(request)
        return answer

    async def on_unavailable(request: Request, error: Exception) -> JSONResponse:
        log.warning("request %s: %s", request.scope.get("upscaler.request_id"), error)
        return problem(request, refused("unavailable"))

    app.add_exception_handler(RequestError, on_request_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(StoreUnavailableError, on_unavailable)
    app.add_exception_handler(StorageError, on_unavailable)
    app.add_exception_handler(DecoderError, on_unavailable)
