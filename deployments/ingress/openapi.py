"""The OpenAPI 3.1 document: what each call answers, in full, with an example for each way it can end.

FastAPI sees addresses and parameters. Bodies, headers and errors are said here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from deployments.ingress import examples
from deployments.ingress.problems import PROBLEMS, RETRY_AFTER_S, SENTENCES
from deployments.ingress.schemas import SCHEMAS, ref

Responses = dict[int | str, dict[str, Any]]

DESCRIPTION = """\
Asynchronous image upscaling: submit an image, poll its status, download the result once.

An image is deleted as soon as its download has completed; one that nobody downloads is deleted
15 minutes after its job completed.

Every answer has `X-Request-ID`, `Cache-Control: no-store` and `X-Content-Type-Options: nosniff`. Every error is an
`application/problem+json` after RFC 9457, without its `status` member. An address that does not exist is a 404
`not_found`, a method that an address does not have a 405 `method_not_allowed`. Pages of allowed origins are answered
with CORS headers, and their preflights with 204.
"""

SECURITY: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Where the operator has set up keys."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key."},
}

ANY_PROBLEM = ("host_not_allowed", "unauthorized", "origin_not_allowed", "internal", "unavailable")
SUBMISSION_PROBLEMS = (
    *("bad_multipart", "invalid_idempotency_key", "body_too_slow", "upload_in_progress", "body_too_large"),
    *("unsupported_media_type", "unsupported_image_format"),
    *("missing_image", "duplicate_image", "empty_image", "invalid_scale", "unknown_model", "model_not_available"),
    *("invalid_format", "invalid_quality", "invalid_metadata", "idempotency_mismatch"),
    *("invalid_image", "image_too_large", "animated_not_supported"),
    *("too_many_jobs", "too_many_bytes", "too_fast"),
    *("queue_full", "draining", "no_replica", "storage_full", "too_many_uploads", "storage_unavailable"),
)
STATUS_PROBLEMS = ("job_not_found", "invalid_wait")
RESULT_PROBLEMS = (
    *("job_not_found", "not_ready", "job_failed", "already_downloaded", "expired", "deleted", "result_lost"),
)
DOWNLOAD_PROBLEMS = (
    *RESULT_PROBLEMS,
    *("preview_refused", "download_in_progress", "too_many_downloads", "invalid_keep"),
)

UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": ref("Submission"),
                "encoding": {"image": {"contentType": "image/png, image/jpeg, image/webp"}},
            }
        },
    }
}

PREFER: dict[str, Any] = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=N`: answer when the job has ended, after N seconds (60 at most) at the latest. RFC 7240.",
    "schema": {"type": "string", "example": "wait=30"},
}
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same image and options gives the same job.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$", "example": "8e03978e-40d5-43dd-bc93-6894a57f9324"},
}
UPLOAD: dict[str, Any] = {"parameters": [PREFER, IDEMPOTENCY_KEY], **UPLOAD_BODY}
WAITING: dict[str, Any] = {"parameters": [PREFER]}


def _header(description: str, schema: Mapping[str, Any], *, required: bool = True) -> dict[str, Any]:
    return {"description": description, "required": required, "schema": dict(schema)}


TEXT, WHOLE = {"type": "string"}, {"type": "integer", "minimum": 0}
COMMON_HEADERS = {"X-Request-ID": _header("Yours, if it has 1 to 64 letters, digits, `.`, `_`, `-`.", TEXT)}
RETRY_AFTER = _header("Seconds.", WHOLE)
LOCATION = _header("The job's status.", TEXT)
APPLIED = _header("`wait=N`, where that was preferred.", TEXT, required=False)
REPLAYED = _header("`true`, where the key has made this job before.", {"const": "true"}, required=False)
RESULT_HEADERS = {
    "Content-Length": _header("Bytes.", WHOLE),
    "Content-Disposition": _header("`attachment`, with the upload's name and the scale.", TEXT),
    "ETag": _header("The sha256 in hexadecimal, quoted.", TEXT),
    "Repr-Digest": _header("The sha256 after RFC 9530.", TEXT),
    "Accept-Ranges": _header("A range is answered with the whole.", {"const": "none"}),
}


def answer(description: str, schema: str, documents: Mapping[str, Any], **headers: dict[str, Any]) -> dict[str, Any]:
    """A JSON answer by the name of its schema, with all its examples."""
    named = {name: {"value": value} for name, value in documents.items()}
    return {
        "description": description,
        "headers": COMMON_HEADERS | {name.replace("_", "-"): header for name, header in headers.items()},
        "content": {"application/json": {"schema": ref(schema), "examples": named}},
    }


def problems(*codes: str) -> Responses:
    """Answers for the given codes of the problem table, and those that any call may get."""
    by_status: dict[int, list[str]] = {}
    for code in sorted({*codes, *ANY_PROBLEM}, key=list(PROBLEMS).index):
        by_status.setdefault(PROBLEMS[code][0], []).append(code)
    return {status: _problem(found) for status, found in sorted(by_status.items())}


def _problem(codes: list[str]) -> dict[str, Any]:
    retried = [code in RETRY_AFTER_S for code in codes]
    headers = {"Retry-After": {**RETRY_AFTER, "required": all(retried)}} if any(retried) else {}
    shown = {code: {"value": _example(code)} for code in codes}
    return {
        "description": "; ".join(PROBLEMS[code][1] for code in codes),
        "headers": COMMON_HEADERS | headers,
        "content": {"application/problem+json": {"schema": ref("Problem"), "examples": shown}},
    }


def _example(code: str) -> dict[str, Any]:
    title = PROBLEMS[code][1]
    sentence = SENTENCES.get(code, f"{title}.")
    said = {"success": False, "error": sentence, "code": code, "title": title, "detail": sentence}
    return {**said, "instance": examples.REQUEST_ID, **examples.FACTS.get(code, {})}


_SAME = {"accepted": examples.ACCEPTED}
SUBMITTED: Responses = {
    202: answer(
        "Accepted: image and record are on disk.",
        "Accepted",
        _SAME | {"replayed": examples.ACCEPTED},
        Location=LOCATION,
        Retry_After=RETRY_AFTER,
        Idempotent_Replayed=REPLAYED,
        Preference_Applied=APPLIED,
    ),
    200: answer(
        "With `Prefer: wait=N`: the job has ended within N seconds.",
        "Status",
        examples.ENDED,
        Location=LOCATION,
        Idempotent_Replayed=REPLAYED,
        Preference_Applied=APPLIED,
    ),
    **problems(*SUBMISSION_PROBLEMS),
}
STATUS: Responses = {
    200: answer("How the job stands.", "Status", examples.STATUSES, Preference_Applied=APPLIED),
    **problems(*STATUS_PROBLEMS),
}
STATUS[200]["content"]["text/event-stream"] = {
    "schema": TEXT,
    "example": f'event: progress\ndata: {{"job_id": "{examples.JOB_ID}", "status": "processing", "progress": 45}}\n\n',
}
DELETED: Responses = {
    200: answer(
        "The job is cancelled, or its result is deleted.",
        "Status",
        {name: examples.STATUSES[name] for name in ("cancelled", "deleted", "downloaded", "expired", "failed")},
    ),
    202: answer(
        "The job is cancelled; whoever computes it hears of it within seconds.",
        "Status",
        {"cancelled": examples.CANCELLED},
    ),
    **problems("job_not_found"),
}
_FOUND: dict[str, Any] = {"headers": COMMON_HEADERS | RESULT_HEADERS}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
DOWNLOADED: Responses = {
    200: {
        **_FOUND,
        "description": "The image. It is gone from the server once this request has completed, unless `keep` is 1.",
        "content": dict.fromkeys(("image/png", "image/jpeg", "image/webp"), _BYTES),
    },
    **problems(*DOWNLOAD_PROBLEMS),
}
LOOKED_AT: Responses = {200: {**_FOUND, "description": "It can be downloaded."}}
for _status, _refusal in problems(*RESULT_PROBLEMS).items():  # HEAD has no bodies
    LOOKED_AT[_status] = {name: _refusal[name] for name in ("description", "headers")}
MODELS: Responses = {200: answer("The models.", "Models", {"models": examples.MODELS}), **problems()}
LIMITS: Responses = {200: answer("The limits.", "Limits", {"limits": examples.LIMITS}), **problems()}
HEALTHY: Responses = {200: answer("It is.", "Health", {"ok": {"status": "ok"}}), 500: problems()[500]}
READY: Responses = {
    200: answer("It would.", "Health", {"ready": {"status": "ready"}}),
    500: problems()[500],
    503: problems("not_ready_yet")[503],
}


def describe(app: FastAPI, *, needs_key: bool) -> None:
    """Let the application's document say all of it."""
    seen = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            said = seen()
            for operation in (found for path in said["paths"].values() for found in path.values()):
                if operation["responses"].get("422", {}).get("description") == "Validation Error":
                    del operation["responses"]["422"]  # FastAPI's own, which we never answer
            said["components"] = {"schemas": SCHEMAS, "securitySchemes": SECURITY}
            said["security"] = [*([] if needs_key else [{}]), {"bearer": []}, {"header": []}]
        assert app.openapi_schema is not None  # noqa: S101  (FastAPI keeps what it has made)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
