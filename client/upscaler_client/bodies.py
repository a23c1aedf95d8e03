"""What goes out and what comes in: a form with an image, a short answer, a result."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from upscaler_client.errors import DigestMismatchError, UnexpectedAnswerError

MAX_ANSWER_BYTES = 1 << 20
"""No answer but a result is as long as this."""


@dataclass(frozen=True, slots=True)
class Form:
    """An image and what is asked of it. It can be sent again: each attempt opens the image anew.

    `on_sent` is told how many bytes of how many are on their way, and may raise to end the attempt.
    """

    image: bytes | Path
    name: str
    fields: Mapping[str, str]
    on_sent: Callable[[int, int], None]

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        with io.BytesIO(self.image) if isinstance(self.image, bytes) else self.image.open("rb") as file:
            yield file


class Intake(Protocol):
    """Takes the body of an answer, piece by piece."""

    def take(self, chunk: bytes) -> None: ...


class ShortAnswer:
    """Keeps a body in memory, within reason."""

    def __init__(self) -> None:
        self.body = b""

    def take(self, chunk: bytes) -> None:
        self.body += chunk
        if len(self.body) > MAX_ANSWER_BYTES:
            raise UnexpectedAnswerError("The answer is far longer than one of an Upscaler.")


class ResultIntake:
    """Writes a result into a file and says its digest. Takes no more than was announced.

    `check` is called with each piece, and may raise to end it.
    """

    def __init__(self, file: BinaryIO, size_bytes: int, check: Callable[[], None]) -> None:
        self._file, self._size_bytes, self._check = file, size_bytes, check
        self.begin()

    def begin(self) -> None:
        """What an attempt that broke off has left is void."""
        self._file.seek(0)
        self._file.truncate()
        self._digest, self._left_bytes = hashlib.sha256(), self._size_bytes

    def take(self, chunk: bytes) -> None:
        self._check()
        self._left_bytes -= len(chunk)
        if self._left_bytes < 0:
            raise DigestMismatchError("The result is longer than the service said.")
        self._digest.update(chunk)
        self._file.write(chunk)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()
