"""A local directory, written so that what it acknowledges outlives a power cut.

The order is what matters. A rename that reaches the disk before the bytes it publishes leaves an
empty file, and where a record is overwritten, an empty one in place of a good one. So:

    staging/<random>   written and fsynced
    jobs/<id>/<name>   renamed over: whoever looks sees the old file or the new one, whole
    jobs/<id>, jobs/   fsynced up to the root, for the name and the folders that lead to it
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
from pathlib import Path
from typing import IO

STAGING = "staging"
CHUNK_BYTES = 1 << 20
MAX_TRIES = 5


class Kernel:
    """The system calls that a durable write consists of. A test passes one that keeps a record."""

    def open(self, path: Path, flags: int) -> int:
        return os.open(path, flags | os.O_CLOEXEC, 0o600)

    def write(self, descriptor: int, data: memoryview) -> int:
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)

    def mkdir(self, path: Path) -> None:
        path.mkdir(mode=0o700)

    def unlink(self, path: Path) -> None:
        path.unlink()


class LocalDirectory:
    """Writes below `root`. Every method blocks, and raises OSError."""

    def __init__(self, root: Path, kernel: Kernel | None = None) -> None:
        self._root = root
        self._kernel = kernel or Kernel()

    def make(self) -> None:
        """Make the directory itself, and see to it that it stays."""
        for folder in self._make(self._root):
            self._sync(folder.parent)

    def put(self, path: str, data: IO[bytes] | bytes) -> None:
        """Write `path` below the root: when this returns it is there for good, when it raises nothing has changed.

        (But for an error of the last step: then the file is there, and may be gone after a power cut.)
        """
        target = self._root / path
        staged = self._root / STAGING / secrets.token_hex(16)
        try:
            self._write(staged, io.BytesIO(data) if isinstance(data, bytes) else data)
            self._publish(staged, target)
        except BaseException:
            with contextlib.suppress(OSError):
                self._kernel.unlink(staged)
            raise
        # Every folder, not just those made here: another thread may have made one and not synced it yet.
        for folder in target.parents:
            self._sync(folder)
            if folder == self._root:
                break

    def delete_staged(self, before: float) -> None:
        """Remove what writers that died have left, where it was last written before `before`, a Unix time."""
        with contextlib.suppress(FileNotFoundError):
            for path in (self._root / STAGING).iterdir():
                with contextlib.suppress(FileNotFoundError):  # its writer lives, and has just published it
                    if path.stat().st_mtime < before:
                        path.unlink()

    def free_bytes(self) -> int:
        """What an unprivileged process may still write here."""
        status = os.statvfs(self._root)
        return status.f_bavail * status.f_frsize

    def _write(self, staged: Path, data: IO[bytes]) -> None:
        if not staged.parent.is_dir():
            self._make(staged.parent)
        descriptor = self._kernel.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            while chunk := data.read(CHUNK_BYTES):
                left = memoryview(chunk)
                while left:
                    left = left[self._kernel.write(descriptor, left) :]
            self._kernel.fsync(descriptor)
        finally:
            self._kernel.close(descriptor)

    def _publish(self, staged: Path, target: Path) -> None:
        """Rename. Whoever deletes the last file of a folder removes the folder too, perhaps under our feet."""
        for tries_left in reversed(range(MAX_TRIES)):
            try:
                self._make(target.parent)
                self._kernel.replace(staged, target)
            except FileNotFoundError:
                if not tries_left:
                    raise
            else:
                return

    def _make(self, folder: Path) -> list[Path]:
        """Make a folder and those above it; returns those that were missing, the topmost first."""
        missing: list[Path] = []
        while not folder.is_dir():
            missing.insert(0, folder)
            folder = folder.parent
        for folder in missing:
            with contextlib.suppress(FileExistsError):
                self._kernel.mkdir(folder)
        return missing

    def _sync(self, folder: Path) -> None:
        descriptor = self._kernel.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._kernel.fsync(descriptor)
        finally:
            self._kernel.close(descriptor)
