"""Where results are written: whole or not at all, and over nothing that is there."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import os
import secrets
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from upscaler.cli.sources import Source
from upscaler.pictures.picture import Format

ENDING: dict[Format, str] = {"png": "png", "jpeg": "jpg", "webp": "webp"}
LONGEST_STEM_BYTES = 200


class Part(io.RawIOBase):
    """A result that grows under a hidden name. `check` is called before each write, and may raise."""

    def __init__(self, path: Path, file: BinaryIO, check: Callable[[], None]) -> None:
        self.path, self.size_bytes = path, 0
        self._file, self._check, self._digest = file, check, hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what has been written so far, in hexadecimal."""
        return self._digest.hexdigest()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Take all of it."""
        self._check()
        self._file.write(data)
        self._digest.update(data)
        self.size_bytes += len(data)
        return len(data)

    def finish(self) -> None:
        """On disk, before it gets a name."""
        self._file.flush()
        os.fsync(self._file.fileno())


class Targets:
    """The names of one command's results, each given once. `inputs` are never replaced, nor is any other file
    without `overwrites`. `part` and `publish` may be called from any thread."""

    def __init__(
        self, folder: Path | None, name: Path | None, scale: int, inputs: Collection[Path], *, overwrites: bool
    ) -> None:
        self._folder, self._name, self._scale = folder, name, scale
        self._inputs, self._overwrites = inputs, overwrites
        self._claimed: set[Path] = set()
        self._parts: set[Path] = set()
        self._turn = threading.Lock()

    def claim(self, source: Source, target_format: Format) -> Path:
        """The name for a source's result. Raises OSError when there could not be a file of that name: what would
        fail after minutes of work fails now. Of several results of one name, the later ones are numbered."""
        folder = source.path.parent if self._folder is None else self._folder / source.place
        plain = self._name or folder / f"{self._stem(source.path)}.{ENDING[target_format]}"
        target = next(path for path in _numbered(plain) if path not in self._claimed)
        self._claimed.add(target)
        self._check(target)
        return target

    @contextlib.contextmanager
    def part(self, target: Path, check: Callable[[], None]) -> Iterator[Part]:
        """Where a result can grow, in the folder of its target. It is gone in the end, unless it was published."""
        check()
        target.parent.mkdir(parents=True, exist_ok=True)
        path = target.parent / f".{secrets.token_hex(8)}.part"
        self._parts.add(path)
        try:
            with path.open("xb") as file:
                yield Part(path, file, check)
        finally:
            path.unlink(missing_ok=True)
            self._parts.discard(path)

    def publish(self, part: Part, target: Path) -> Path:
        """Give a whole result its name. Work that was done is not thrown away: where another program has taken the
        name meanwhile, the result is numbered."""
        part.finish()
        with self._turn:
            published = next(path for path in _numbered(target) if self._takes(path, target, part))
            self._claimed.add(published)
        _sync_folder(published.parent)
        return published

    def drop_parts(self) -> None:
        """Remove what is unfinished, so that nothing of it can be published."""
        for path in list(self._parts):
            path.unlink(missing_ok=True)

    def _check(self, target: Path) -> None:
        if target.is_dir():
            raise IsADirectoryError(f"{target} is a folder")
        if os.path.lexists(target) and not self._overwrites:
            raise FileExistsError(f"{target} is there already; --overwrite replaces it")
        if self._overwrites and target.resolve() in self._inputs:
            raise FileExistsError(f"{target} is an input, which is not overwritten")
        nearest = next(parent for parent in target.parents if parent.exists())
        if not nearest.is_dir():
            raise NotADirectoryError(f"{nearest} is not a folder")
        if not os.access(nearest, os.W_OK):
            raise PermissionError(f"nothing can be written into {nearest}")

    def _takes(self, path: Path, target: Path, part: Part) -> bool:
        if path != target and path in self._claimed:
            return False
        if self._overwrites:
            part.path.replace(path)
            return True
        try:
            os.link(part.path, path)  # unlike a rename, it never replaces anything
        except FileExistsError:
            return False
        except OSError:  # a file system that knows no links
            if os.path.lexists(path):
                return False
            part.path.replace(path)
        return True

    def _stem(self, path: Path) -> str:
        stem = os.fsencode(path.stem)[:LONGEST_STEM_BYTES].decode(errors="ignore")
        return f"{stem}_x{self._scale}"


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every system can
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
