"""Where results are written: whole or not at all, under names of our own, over nothing that is there.

No word of the service is in a name: it could lead out of the folder.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg", b"RIFF": "webp"}
ENDINGS = {"png": "png", "jpeg": "jpg", "webp": "webp"}
LONGEST_STEM_BYTES = 200


@dataclass(frozen=True, slots=True)
class Results:
    """The results of this command in their folder."""

    folder: Path
    scale: int
    overwrites: bool

    def check(self, source: Path, image_format: str | None) -> None:
        """Raises FileExistsError before anything is sent, when it can be told already that a result is there."""
        ending = ENDINGS[image_format] if image_format else ending_of(source)
        target = self.folder / f"{self._stem(source)}.{ending}"
        if target.exists() and not self.overwrites:
            raise FileExistsError(f"{target} is there already; --overwrite replaces it")

    @contextlib.contextmanager
    def part(self) -> Iterator[Path]:
        """Where a result can grow, hidden. It is gone in the end, unless `publish` has given it a name."""
        path = self.folder / f".{secrets.token_hex(8)}.part"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def publish(self, part: Path, source: Path) -> Path:
        """Give a whole result its name. Work that was done is not thrown away: where the name is taken after all,
        by another input of the same name for one, the result is numbered."""
        stem, ending = self._stem(source), ending_of(part)
        target = self.folder / f"{stem}.{ending}"
        if not self.overwrites:
            numbered = (self.folder / f"{stem}-{number}.{ending}" for number in itertools.count(2))
            target = next(path for path in itertools.chain([target], numbered) if _reserve(path))
        part.replace(target)
        _sync_folder(self.folder)
        return target

    def _stem(self, source: Path) -> str:
        stem = source.stem.encode(errors="surrogateescape")[:LONGEST_STEM_BYTES].decode(errors="ignore")
        return f"{stem}_x{self.scale}"


def sync(file: BinaryIO) -> None:
    """On disk before the service is told that it may forget it."""
    file.flush()
    os.fsync(file.fileno())


def ending_of(path: Path) -> str:
    """By what is in the file. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(16)
    return next((ending for signature, ending in SIGNATURES.items() if head.startswith(signature)), "bin")


def _reserve(path: Path) -> bool:
    """Whether the name was free; now it is ours."""
    try:
        path.open("xb").close()
    except FileExistsError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every system can
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
