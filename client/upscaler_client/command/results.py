"""Where results are written: whole or not at all, under names of our own, over nothing that is there.

No word of the service is in a name: it could lead out of the folder.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg", b"RIFF": "webp"}
ENDINGS = {"png": "png", "jpeg": "jpg", "webp": "webp"}
LONGEST_STEM_BYTES = 200


class Results:
    """The results of one command in their folder."""

    def __init__(self, folder: Path, scale: int, *, overwrites: bool) -> None:
        self._folder, self._scale, self._overwrites = folder, scale, overwrites
        self._made: set[Path] = set()

    def check(self, source: Path, image_format: str | None) -> None:
        """Before anything is sent: raises OSError when the image cannot be read, or its result is there already."""
        ending = ENDINGS.get(image_format or "") or ending_of(source)
        target = self._folder / f"{self._stem(source)}.{ending}"
        if target.exists() and not self._overwrites:
            raise FileExistsError(f"{target} is there already; --overwrite replaces it")

    @contextlib.contextmanager
    def part(self) -> Iterator[Path]:
        """Where a result can grow, hidden. It is gone in the end, unless `publish` has given it a name."""
        path = self._folder / f".{secrets.token_hex(8)}.part"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def publish(self, part: Path, source: Path) -> Path:
        """Give a whole result its name. Work that was done is not thrown away: where the name is taken after all,
        as by another input of the same name, the result is numbered."""
        target = next(path for path in self._names(source, ending_of(part)) if self._takes(path))
        self._made.add(target)
        part.replace(target)
        _sync_folder(self._folder)
        return target

    def _names(self, source: Path, ending: str) -> Iterator[Path]:
        stem = self._stem(source)
        yield self._folder / f"{stem}.{ending}"
        for number in itertools.count(2):
            yield self._folder / f"{stem}-{number}.{ending}"

    def _takes(self, path: Path) -> bool:
        """Whether the name may be ours. It is reserved by an empty file, so that no other program takes it."""
        if self._overwrites:
            return path not in self._made
        try:
            path.open("xb").close()
        except FileExistsError:
            return False
        return True

    def _stem(self, source: Path) -> str:
        stem = os.fsencode(source.stem)[:LONGEST_STEM_BYTES].decode(errors="ignore")
        return f"{stem}_x{self._scale}"


def sync(file: BinaryIO) -> None:
    """On disk before the service is told that it may forget it."""
    file.flush()
    os.fsync(file.fileno())


def ending_of(path: Path) -> str:
    """By what is in the file. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(16)
    return next((ending for signature, ending in SIGNATURES.items() if head.startswith(signature)), "bin")


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every system can
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
