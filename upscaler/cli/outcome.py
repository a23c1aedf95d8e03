"""Outcome: what became of one file, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upscaler.errors import (
    AnimatedPictureError,
    InvalidPictureError,
    PictureTooLargeError,
    UnsupportedFormatError,
    UpscalerError,
)

CODES: dict[type[Exception], str] = {
    UnsupportedFormatError: "unsupported_image_format",
    InvalidPictureError: "invalid_image",
    PictureTooLargeError: "image_too_large",
    AnimatedPictureError: "animated_not_supported",
}
"""The words of the HTTP API. What it has none for goes by the name of the error."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was made of a file. `document` is what `--json` says of it; `losses` what its format could not hold."""

    output: Path
    size_bytes: int
    losses: tuple[str, ...]
    document: dict[str, Any]

    @property
    def seconds(self) -> float:
        """Of all stages, without the time in which it waited for others."""
        return float(sum(self.document["seconds"].values()))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Either a result, or a sentence and a word about the error. It does not keep the error itself, through whose
    traceback the picture's pixels would stay."""

    file: Path
    result: Result | None = None
    error: str = ""
    code: str = ""

    @property
    def sentence(self) -> str:
        """One line, whatever the file is called."""
        if self.result is None:
            return printable(f"{self.file}: {self.error}")
        size = f"{self.result.size_bytes / 1e6:.1f} MB, {self.result.seconds:.1f} s"
        return printable(f"{self.file} -> {self.result.output} ({size})")

    def document(self) -> dict[str, Any]:
        """As `--json` writes it."""
        if self.result is None:
            return {"file": str(self.file), "error": self.error, "code": self.code}
        return {"file": str(self.file), "output": str(self.result.output), **self.result.document}


def failed(file: Path, error: Exception) -> Outcome:
    """The outcome of a file that `error` befell."""
    return Outcome(file, error=said(error), code=CODES.get(type(error), type(error).__name__))


def said(error: Exception) -> str:
    """Without the number of the system's error and the path, which is said already."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return "the memory is at an end"
    if isinstance(error, UpscalerError | OSError):
        return str(error)
    return f"something unexpected happened: {type(error).__name__}: {error}"


def printable(text: str) -> str:
    """Without characters that would move the cursor: names of files may come from elsewhere."""
    return "".join(character if character.isprintable() else "?" for character in text)
