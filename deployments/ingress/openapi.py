"""What the OpenAPI document says beyond what FastAPI can see."""

from __future__ import annotations

from typing import Any

from deployments.ingress.problems import PROBLEMS, SENTENCES

Responses = dict[int | str, dict[str, Any]]

DESCRIPTION = """\
Asynchronous image upscaling: submit an image, poll its status, download the result once.

An image is deleted as soon as its download has completed; one that nobody downloads is deleted
15 minutes after its job completed.
"""

JOB_ID = "1769781953720134401"

UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {
                        "image": {
                            "type": "string",
                            "contentMediaType": "application/octet-stream",
                            "description": "A PNG, JPEG or WEBP file.",
                        },
                        "scale": {"type": "integer", "enum": [2, 3, 4], "default": 4},
                        "model": {"type": "string", "description": "One of the models that this server has."},
                        "format": {"type": "string", "enum": ["png", "jpeg", "webp"]},
                        "metadata": {"type": "string", "enum": ["strip", "keep"], "default": "strip"},
                        "quality": {"type": "integer", "minimum": 1, "maximum": 100, "default": 95},
                    },
                }
            }
        },
    }
}


def _json(description: str, **examples: dict[str, Any]) -> dict[str, Any]:
    named = {name: {"value": value} for name, value in examples.items()}
    schema = {"type": "object"}
    return {"description": description, "content": {"application/json": {"schema": schema, "examples": named}}}


ACCEPTED: Responses = {
    202: _json(
        "Accepted; the image is on disk.",
        accepted={
            "success": True,
            "job_id": JOB_ID,
            "status_url": f"/api/v1/status/{JOB_ID}",
            "eta_seconds": 33,
            "expires_at": "2026-01-30T14:20:53.720+00:00",
        },
    )
}

STATUS: Responses = {
    200: _json(
        "How the job stands.",
        processing={"job_id": JOB_ID, "status": "processing", "progress": 45},
        completed={
            "job_id": JOB_ID,
            "status": "completed",
            "progress": 100,
            "download_url": f"/api/v1/download/{JOB_ID}",
            "duration_seconds": 32.5,
            "file_size_bytes": 122013,
        },
        failed={"job_id": JOB_ID, "status": "failed", "error": "upscale failed: model not found"},
    )
}
STATUS[200]["content"]["text/event-stream"] = {
    "schema": {"type": "string"},
    "example": f'event: progress\ndata: {{"job_id": "{JOB_ID}", "status": "processing", "progress": 45}}\n\n',
}

WAITED: Responses = {
    200: {**STATUS[200], "description": "With `Prefer: wait=N`: the job has ended within N seconds."},
}

DELETED: Responses = {
    200: _json(
        "The job is cancelled, or its result is deleted.",
        deleted={"job_id": JOB_ID, "status": "completed", "progress": 100, "result": "deleted"},
    ),
    202: _json(
        "The job is cancelled; whoever computes it hears of it within a second.",
        cancelled={
            "job_id": JOB_ID,
            "status": "failed",
            "error": "upscale failed: it was cancelled",
            "error_code": "cancelled",
        },
    ),
}

HEALTHY: Responses = {200: _json("It is.", healthy={"status": "ok"})}

_BYTES = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
DOWNLOADED: Responses = {
    200: {
        "description": "The image. It is gone from the server once this request has completed.",
        "content": dict.fromkeys(("image/png", "image/jpeg", "image/webp"), _BYTES),
    }
}


def problems(*codes: str) -> Responses:
    """Answers for the given codes of the problem table; those of one status are examples of it."""
    answers: Responses = {}
    for code in codes:
        status, title = PROBLEMS[code]
        sentence = SENTENCES.get(code, f"{title}.")
        example = {"success": False, "error": sentence, "code": code, "title": title, "detail": sentence}
        content = {"schema": {"type": "object"}, "examples": {code: {"value": example}}}
        answers[status] = {"description": title, "content": {"application/problem+json": content}}
    return answers
