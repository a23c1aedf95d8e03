"""One example for each way in which a call can go well. Those of errors are made from their table."""

from __future__ import annotations

from typing import Any

JOB_ID = "1769781953720134401"

ACCEPTED: dict[str, Any] = {
    "success": True,
    "job_id": JOB_ID,
    "status_url": f"/api/v1/status/{JOB_ID}",
    "eta_seconds": 33,
    "expires_at": "2026-01-30T14:20:53.720+00:00",
}

_JOB: dict[str, Any] = {
    "attempt": 1,
    "created_at": "2026-01-30T14:05:53.720+00:00",
    "model": "realesrgan-x4plus",
    "scale": 4,
    "input": {"width": 160, "height": 120, "format": "jpeg"},
}

QUEUED: dict[str, Any] = {
    "job_id": JOB_ID,
    "status": "processing",
    "progress": 0,
    "stage": "queued",
    "queue_position": 3,
    "eta_seconds": 75,
    **_JOB,
    "attempt": 0,
}
RUNNING: dict[str, Any] = {
    "job_id": JOB_ID,
    "status": "processing",
    "progress": 45,
    "stage": "running",
    "eta_seconds": 18,
    **_JOB,
}
RETRYING: dict[str, Any] = {**QUEUED, "progress": 45, "stage": "retrying", "attempt": 1}

_MADE: dict[str, Any] = {
    "duration_seconds": 32.5,
    "file_size_bytes": 122013,
    "sha256": "5f3a3fe0b6e1e1ab4bd9b1c8a3d0d6b2b6f5f0a5c2d1e0f9a8b7c6d5e4f3a2b1",
}
_OUTPUT = {"output": {"width": 640, "height": 480, "format": "jpeg"}}
COMPLETED: dict[str, Any] = {
    "job_id": JOB_ID,
    "status": "completed",
    "progress": 100,
    "download_url": f"/api/v1/download/{JOB_ID}",
    "expires_at": "2026-01-30T14:21:31.034+00:00",
    **_MADE,
    "result": "available",
    **_OUTPUT,
    **_JOB,
}
FLATTENED: dict[str, Any] = {**COMPLETED, "output": {**_OUTPUT["output"], "alpha": "flattened on white"}}


def _gone(result: str) -> dict[str, Any]:
    kept = {name: value for name, value in COMPLETED.items() if name not in {"download_url", "expires_at"}}
    return {**kept, "result": result}


DOWNLOADED, EXPIRED, DELETED = _gone("downloaded"), _gone("expired"), _gone("deleted")

_FAILED: dict[str, Any] = {"job_id": JOB_ID, "status": "failed"}
FAILED: dict[str, Any] = {
    **_FAILED,
    "error": "upscale failed: the image ended whoever worked on it, twice",
    "error_code": "worker_crashed",
    **_JOB,
}
CANCELLED: dict[str, Any] = {
    **_FAILED,
    "error": "upscale failed: it was cancelled",
    "error_code": "cancelled",
    **_JOB,
}

STATUSES: dict[str, Any] = {
    "queued": QUEUED,
    "running": RUNNING,
    "retrying": RETRYING,
    "completed": COMPLETED,
    "flattened": FLATTENED,
    "downloaded": DOWNLOADED,
    "expired": EXPIRED,
    "deleted": DELETED,
    "failed": FAILED,
    "cancelled": CANCELLED,
}
ENDED: dict[str, Any] = {name: STATUSES[name] for name in ("completed", "flattened", "failed")}

MODELS: dict[str, Any] = {
    "models": [
        {
            "name": "realesrgan-x4plus",
            "description": "Photographs; the best and the slowest.",
            "native_scale": 4,
            "scales": [2, 3, 4],
            "mflop_per_px": 35.85,
            "default": True,
        }
    ]
}
LIMITS: dict[str, Any] = {
    "max_upload_bytes": 33554432,
    "max_input_px": 25000000,
    "max_output_px": 400000000,
    "max_side_px": {"png": 65500, "jpeg": 65500, "webp": 16383},
    "scales": [2, 3, 4],
    "default_scale": 4,
    "formats": ["png", "jpeg", "webp"],
    "quality": {"minimum": 1, "maximum": 100, "default": 95},
    "result_ttl_seconds": 900.0,
    "max_wait_seconds": 60,
}

FACTS: dict[str, dict[str, Any]] = {
    "body_too_large": {"limit": 33554432},
    "invalid_scale": {"allowed": [2, 3, 4]},
    "invalid_format": {"allowed": ["png", "jpeg", "webp"]},
    "invalid_quality": {"minimum": 1, "maximum": 100},
    "invalid_metadata": {"allowed": ["strip", "keep"]},
    "unknown_model": {"allowed": ["realesrgan-x4plus"]},
    "model_not_available": {"allowed": ["realesrgan-x4plus"]},
    "image_too_large": {"width": 30000, "height": 30000, "limit": 25000000},
}
"""What some errors say beside their sentence."""

REQUEST_ID = "9bc5970e-bd9f-499a-af2f-04203478ffc8"
