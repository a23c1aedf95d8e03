"""Outcome: what became of one file, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upscaler_client.errors import JobFailedError, RefusedError, UpscalerError
from upscaler_client.status import Status


@dataclass(frozen=True, slots=True)
class Outcome:
    """Either `output` and `status`, or `error`."""

    file: Path
    output: Path | None = None
    status: Status | None = None
    error: UpscalerError | OSError | None = None

    @property
    def sentence(self) -> str:
        """One line, whatever the service has said."""
        if self.status is None or self.output is None:
            return printable(f"{self.file}: {said(self.error)}")
        size_mb = (self.status.file_size_bytes or 0) / 1e6
        return printable(f"{self.file} -> {self.output} ({size_mb:.1f} MB, {self.status.duration_seconds or 0:.1f} s)")

    def document(self) -> dict[str, Any]:
        """As `--json` writes it."""
        if self.status is None or self.output is None:
            failure = {"file": str(self.file), "error": said(self.error), "code": code_of(self.error)}
            return failure | ids_of(self.error)
        status = self.status
        return {
            "file": str(self.file),
            "output": str(self.output),
            "job_id": status.job_id,
            "sha256": status.sha256,
            "file_size_bytes": status.file_size_bytes,
            "width": status.output.width if status.output else None,
            "height": status.output.height if status.output else None,
            "model": status.model,
            "scale": status.scale,
            "duration_seconds": status.duration_seconds,
        }


def code_of(error: UpscalerError | OSError | None) -> str:
    """The service's word for it; else the name of our error."""
    if isinstance(error, JobFailedError) and error.error_code:
        return error.error_code
    if isinstance(error, RefusedError) and error.code:
        return error.code
    return type(error).__name__


def printable(text: str) -> str:
    """Without characters that would move the cursor: the text may come from elsewhere."""
    return "".join(character if character.isprintable() else "?" for character in text)


def said(error: UpscalerError | OSError | None) -> str:
    """Without the number of the system's error and the path, which is said already."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def ids_of(error: UpscalerError | OSError | None) -> dict[str, str | None]:
    """By which an operator finds it."""
    return {"job_id": error.job_id, "request_id": error.request_id} if isinstance(error, UpscalerError) else {}
