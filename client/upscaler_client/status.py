"""Status: how a job stands, as the service writes it. Names are those of the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar, cast, get_args

from upscaler_client.errors import UnexpectedAnswerError

Word = Literal["processing", "completed", "failed"]
Known = TypeVar("Known", int, float, str)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Sides in pixels, and `png`, `jpeg` or `webp`."""

    width: int
    height: int
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is not said of a job in this state is None. The HTTP API's page explains every member."""

    job_id: str
    status: Word
    progress: int = 0
    stage: str | None = None
    queue_position: int | None = None
    eta_seconds: float | None = None
    attempt: int | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    result: str | None = None
    duration_seconds: float | None = None
    file_size_bytes: int | None = None
    sha256: str | None = None
    model: str | None = None
    scale: int | None = None
    input: ImageFacts | None = None
    output: ImageFacts | None = None
    error: str | None = None
    error_code: str | None = None

    @property
    def has_ended(self) -> bool:
        return self.status != "processing"

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Status:
        """Read a status document. Members that it does not know it ignores, those of another type it does not
        believe. Raises UnexpectedAnswerError."""
        word, job_id = document.get("status"), document.get("job_id")
        if word not in get_args(Word) or not isinstance(job_id, str):
            raise UnexpectedAnswerError("The answer is not the status of a job.")
        return cls(
            job_id=job_id,
            status=cast("Word", word),
            progress=_read(document, "progress", int) or 0,
            stage=_read(document, "stage", str),
            queue_position=_read(document, "queue_position", int),
            eta_seconds=_number(document, "eta_seconds"),
            attempt=_read(document, "attempt", int),
            created_at=_time(document, "created_at"),
            expires_at=_time(document, "expires_at"),
            result=_read(document, "result", str),
            duration_seconds=_number(document, "duration_seconds"),
            file_size_bytes=_read(document, "file_size_bytes", int),
            sha256=_read(document, "sha256", str),
            model=_read(document, "model", str),
            scale=_read(document, "scale", int),
            input=_image(document, "input"),
            output=_image(document, "output"),
            error=_read(document, "error", str),
            error_code=_read(document, "error_code", str),
        )


def _read(document: Mapping[str, Any], name: str, kind: type[Known]) -> Known | None:
    value = document.get(name)
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def _number(document: Mapping[str, Any], name: str) -> float | None:
    whole = _read(document, name, int)
    return _read(document, name, float) if whole is None else whole


def _time(document: Mapping[str, Any], name: str) -> datetime | None:
    try:
        return datetime.fromisoformat(_read(document, name, str) or "")
    except ValueError:
        return None


def _image(document: Mapping[str, Any], name: str) -> ImageFacts | None:
    facts = document.get(name)
    if not isinstance(facts, Mapping):
        return None
    width, height, named = _read(facts, "width", int), _read(facts, "height", int), _read(facts, "format", str)
    return None if width is None or height is None or named is None else ImageFacts(width, height, named)
