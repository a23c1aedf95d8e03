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
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Entry:
    """What a listing has of a file. `is_plain`: none of the kinds that we do not make, such as links."""

    path: str
    modified_at: float
    size_bytes: int
    is_plain: bool


@dataclass(slots=True)
class _Put:
    """A file on its way."""

    target: Path
    staged: Path
    data: IO[bytes] | bytes
    descriptor: int = -1
    error: Exception | None = None


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
        (error,) = self.put_all([(path, data)])
        if error is not None:
            raise error

    def put_all(self, files: Sequence[tuple[str, IO[bytes] | bytes]]) -> list[Exception | None]:
        """As `put`, for each of several files; returns what each would have raised. It goes step by step for all of
        them: the disk does the same thing for many in hardly more time than for one."""
        puts = [_Put(self._root / path, self._root / STAGING / secrets.token_hex(16), data) for path, data in files]
        for step in (self._write, self._settle, self._publish):
            for put in puts:
                self._try(step, put)
        # Every folder, not just those made here: another thread may have made one and not synced it yet.
        for folder in self._folders([put.target for put in puts if put.error is None]):
            self._sync_for(folder, puts)
        return [put.error for put in puts]

    def _try(self, step: Callable[[_Put], None], put: _Put) -> None:
        if put.error is not None:
            return
        try:
            step(put)
        except Exception as error:  # noqa: BLE001 - it is that of one file, and told as such
            put.error = error
            with contextlib.suppress(OSError):
                self._kernel.unlink(put.staged)

    def _folders(self, targets: Iterable[Path]) -> list[Path]:
        """Those that lead to the targets, the root last."""
        folders = {folder: None for target in targets for folder in target.parents if folder.is_relative_to(self._root)}
        return sorted(folders, key=lambda folder: len(folder.parts), reverse=True)

    def _sync_for(self, folder: Path, puts: Iterable[_Put]) -> None:
        try:
            self._sync(folder)
        except OSError as error:
            for put in puts:
                if put.error is None and put.target.is_relative_to(folder):
                    put.error = error

    def files(self, below: str) -> list[Entry]:
        """All that is below a folder and is none itself. Links are not followed; a folder that cannot be opened stands
        for what is in it."""
        found: list[Entry] = []
        waiting = [below]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(self._root / folder) as entries:
                    for entry in entries:
                        path = f"{folder}/{entry.name}"
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(path)
                        else:
                            found += self._entry(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PermissionError:
                found += self._entry(folder)
        return found

    def _entry(self, path: str) -> list[Entry]:
        """Or none, if it has gone meanwhile."""
        try:
            status = (self._root / path).lstat()
        except FileNotFoundError:
            return []
        return [Entry(path, status.st_mtime, status.st_size, stat.S_ISREG(status.st_mode))]

    def delete(self, path: str) -> None:
        """Remove a file, and the folders below the uppermost that it leaves empty. Where there is none, nothing
        happens."""
        target = self._root / path
        with contextlib.suppress(FileNotFoundError):
            target.unlink()
        with contextlib.suppress(OSError):  # of one that is not empty
            for folder in target.relative_to(self._root).parents[:-2]:
                (self._root / folder).rmdir()

    def delete_staged(self, before: float) -> None:
        """Remove what writers that died have left, where it was last written before `before`, a Unix time. What cannot
        be removed keeps nothing else."""
        for entry in self.files(STAGING):
            if entry.modified_at < before:
                with contextlib.suppress(OSError):
                    self.delete(entry.path)

    def free_bytes(self) -> int:
        """What an unprivileged process may still write here."""
        status = os.statvfs(self._root)
        return status.f_bavail * status.f_frsize

    def _write(self, put: _Put) -> None:
        if not put.staged.parent.is_dir():
            self._make(put.staged.parent)
        put.descriptor = self._kernel.open(put.staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        data = io.BytesIO(put.data) if isinstance(put.data, bytes) else put.data
        try:
            while chunk := data.read(CHUNK_BYTES):
                left = memoryview(chunk)
                while left:
                    left = left[self._kernel.write(put.descriptor, left) :]
        except BaseException:
            self._kernel.close(put.descriptor)
            raise

    def _settle(self, put: _Put) -> None:
        try:
            self._kernel.fsync(put.descriptor)
        finally:
            self._kernel.close(put.descriptor)

    def _publish(self, put: _Put) -> None:
        """Rename. Whoever deletes the last file of a folder removes the folder too, perhaps under our feet."""
        for tries_left in reversed(range(MAX_TRIES)):
            try:
                self._make(put.target.parent)
                self._kernel.replace(put.staged, put.target)
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
