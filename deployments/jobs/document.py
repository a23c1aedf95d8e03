"""The status document of the HTTP contract, made from a job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deployments.jobs.job import Job
from deployments.jobs.policy import Policy
from deployments.jobs.record import JobRecord, ResultState, State

STATUS = {
    State.QUEUED: "processing",
    State.RUNNING: "processing",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
}
"""The guide's three words: a loop `while status == "processing"` must end."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is ahead of a job that has not ended: its place in the queue, 1 for the next, and seconds."""

    queue_position: int | None
    eta_s: int


def status_document(job: Job, outlook: Outlook | None, downloading: bool, policy: Policy) -> dict[str, Any]:
    """Everything a client may know of a job. The guide's fields come first; ours follow."""
    record = job.record
    document: dict[str, Any] = {"job_id": record.job_id, "status": STATUS[record.state]}
    if record.state is State.FAILED:
        document |= {"error": record.error, "error_code": record.error_code}
    elif record.result_state is ResultState.LOST:
        document |= {"status": "failed", "error": "upscale failed: the result was lost", "error_code": "result_lost"}
    elif record.state is State.COMPLETED:
        document |= _completed(record, downloading, policy)
    else:
        document |= {"progress": job.shown_progress, "stage": _stage(record)}
        if outlook is not None:
            document["eta_seconds"] = outlook.eta_s
            document |= {"queue_position": outlook.queue_position} if outlook.queue_position else {}
    order = record.order
    return document | {
        "attempt": record.attempt,
        "created_at": iso(record.created_at),
        "model": order.model,
        "scale": order.scale,
        "input": {"width": order.input_width, "height": order.input_height, "format": order.input_format},
    }


def _completed(record: JobRecord, downloading: bool, policy: Policy) -> dict[str, Any]:
    result, order = record.result, record.order
    available = record.result_state is ResultState.AVAILABLE
    document: dict[str, Any] = {"progress": 100}
    if available:
        document["download_url"] = f"/api/v1/download/{record.job_id}"
        document["expires_at"] = iso((record.finished_at or 0.0) + policy.result_ttl_s)
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
            **({"depth": "reduced to 8 bits"} if order.reduces_depth else {}),
        },
    }
    return document


def _stage(record: JobRecord) -> str:
    if record.state is State.RUNNING:
        return "running"
    return "retrying" if record.attempt else "queued"


def iso(at: float) -> str:
    """A Unix time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
