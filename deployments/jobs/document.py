"""The status document of the HTTP contract, made from a job."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from deployments.jobs.record import JobRecord, ResultState, State

STATUS = {
    State.QUEUED: "processing",
    State.RUNNING: "processing",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
}
"""The guide's three words: a loop `while status == "processing"` must end."""


def status_document(record: JobRecord, progress: int, queue_position: int | None, downloading: bool) -> dict[str, Any]:
    """Everything a client may know of a job. The guide's fields come first; ours follow."""
    document: dict[str, Any] = {"job_id": record.job_id, "status": STATUS[record.state]}
    if record.state is State.FAILED:
        document |= {"error": record.error, "error_code": record.error_code}
    elif record.result_state is ResultState.LOST:
        document |= {"status": "failed", "error": "upscale failed: the result was lost", "error_code": "result_lost"}
    elif record.state is State.COMPLETED:
        document |= _completed(record, downloading)
    else:
        document |= {"progress": progress, "stage": _stage(record)}
        if queue_position is not None:
            document["queue_position"] = queue_position
    order = record.order
    return document | {
        "attempt": record.attempt,
        "created_at": _iso(record.created_at),
        "model": order.model,
        "scale": order.scale,
        "input": {"width": order.input_width, "height": order.input_height, "format": order.input_format},
    }


def _completed(record: JobRecord, downloading: bool) -> dict[str, Any]:
    result, order = record.result, record.order
    available = record.result_state is ResultState.AVAILABLE
    document: dict[str, Any] = {"progress": 100}
    if available:
        document["download_url"] = f"/api/v1/download/{record.job_id}"
    document |= {
        "duration_seconds": round(record.duration_s, 3),
        "file_size_bytes": result.size_bytes if result else 0,
        "sha256": result.sha256 if result else None,
        "result": "downloading" if available and downloading else record.result_state,
        "output": {
            "width": order.input_width * order.scale,
            "height": order.input_height * order.scale,
            "format": order.output_format,
            **({"alpha": "flattened on white"} if order.flattens_alpha else {}),
        },
    }
    return document


def _stage(record: JobRecord) -> str:
    if record.state is State.RUNNING:
        return "running"
    return "retrying" if record.attempt else "queued"


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
