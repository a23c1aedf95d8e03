"""JobStorage: where a job's bytes lie.

    jobs/<id>/input              what was uploaded; goes when the job is terminal
    jobs/<id>/job.json           the record, written before anyone is told what it says
    jobs/<id>/result.<fence>     what an attempt produced; job.json names the one that counts
    tombstones/<id>.json         the record of a job whose bytes are gone, kept for a while
    staging/<random>             what is being written, in a local directory only
    owner.lock or owner.json     who owns this storage (owner.py)

All of it through obstore, over one URL, but for writing to a local directory: a 202 promises that
the job outlives a power cut (local.py). An object store acknowledges only what it keeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from deployments.errors import StorageError
from deployments.storage.gathered import GatheredPuts
from deployments.storage.local import STAGING, Kernel, LocalDirectory
from deployments.storage.objects import SMALL_S, open_objects, translated, translated_put

JOBS, TOMBSTONES = "jobs", "tombstones"
LOCK_FILE, EPOCH_FILE = "owner.lock", "owner.json"
STREAM_BYTES = 1 << 20
READ_AT_ONCE = 32
JOB_ID = re.compile(r"[0-9]{1,19}")


def open_storage(url: str) -> JobStorage:
    """Open `file:///path`, a plain path (`~` allowed), `s3://…`, `gs://…` or `az://…`.

    Raises StorageError when the URL means nothing to obstore or the directory cannot be made.
    """
    try:
        if "://" in url and not url.startswith("file://"):
            return JobStorage(open_objects(url), None)
        root = _local_root(url)
        LocalDirectory(root).make()
        return JobStorage(LocalStore(root), root)
    except (BaseError, OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).partition("\n")[0]
        raise StorageError(f"the storage {url} cannot be opened: {reason or error}") from error


def _local_root(url: str) -> Path:
    split = urlsplit(url)
    if url.startswith("file://") and split.netloc not in ("", "localhost"):
        raise ValueError("after file:// comes an absolute path, with a third slash")
    path = unquote(split.path) if url.startswith("file://") else url
    return Path(path).expanduser().absolute()


@dataclass(frozen=True, slots=True)
class Folder:
    """A job's folder: the names of its files, and when the newest of them was written, in seconds since the epoch."""

    names: frozenset[str]
    modified_at: float


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as a listing has it. `job_id` is the job that it would belong to, if there is such a job; `modified_at`
    in seconds since the epoch."""

    path: str
    folder: str
    job_id: str
    name: str
    modified_at: float
    size_bytes: int
    is_plain: bool = True


class JobStorage:
    """One storage. `root` is its directory when it is local, else None.

    Every method may raise StorageError; what is asked for and not there raises FileNotFoundError.
    """

    def __init__(self, objects: ObjectStore, root: Path | None, kernel: Kernel | None = None) -> None:
        self.objects, self.root = objects, root
        self._directory = LocalDirectory(root, kernel) if root else None
        self._records = GatheredPuts(self._directory.put_all) if self._directory else None

    async def put_input(self, job_id: str, file: IO[bytes]) -> None:
        """Store an upload, from its start."""
        file.seek(0)
        await self._put(f"{JOBS}/{job_id}/input", file)

    async def get_input(self, job_id: str) -> bytes:
        return await self._get(f"{JOBS}/{job_id}/input")

    async def put_result(self, job_id: str, fence: int, file: IO[bytes]) -> str:
        """Store what attempt `fence` produced; returns the name by which `complete` publishes it."""
        name = f"result.{fence}"
        file.seek(0)
        await self._put(f"{JOBS}/{job_id}/{name}", file)
        return name

    async def stream_result(self, job_id: str, name: str) -> tuple[int, AsyncIterator[bytes]]:
        """The result's size in bytes and its bytes, in chunks."""
        with translated():
            found = await obstore.get_async(self.objects, f"{JOBS}/{job_id}/{name}")
        return found.meta["size"], _chunks(found.stream(min_chunk_size=STREAM_BYTES))

    async def put_record(self, job_id: str, record: bytes) -> None:
        await self._put(f"{JOBS}/{job_id}/job.json", record)

    async def put_tombstone(self, job_id: str, record: bytes) -> None:
        await self._put(f"{TOMBSTONES}/{job_id}.json", record)

    async def records(self) -> AsyncIterator[tuple[str, bytes]]:
        """Every job's id and record; a tombstone after the record that it supersedes."""
        for folder, ending in ((JOBS, "/job.json"), (TOMBSTONES, ".json")):
            files = [file async for file in self._list(folder) if file.path.endswith(ending)]
            paths = [file.path for file in files if file.is_plain and JOB_ID.fullmatch(file.job_id)]
            for batch in (paths[at : at + READ_AT_ONCE] for at in range(0, len(paths), READ_AT_ONCE)):
                for path, record in zip(batch, await asyncio.gather(*map(self._record, batch)), strict=True):
                    if record is not None:
                        yield path.removesuffix(ending).rsplit("/", 1)[-1], record

    async def _record(self, path: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            return await self._get(path, SMALL_S)
        return None

    async def folders(self) -> dict[str, Folder]:
        """The jobs that have files."""
        found: dict[str, Folder] = {}
        async for file in self._list(JOBS):
            if file.job_id:
                folder = found.get(file.job_id, Folder(frozenset(), file.modified_at))
                found[file.job_id] = Folder(folder.names | {file.name}, max(file.modified_at, folder.modified_at))
        return found

    async def all_files(self) -> list[StoredFile]:
        """Every file where jobs have theirs, also one that does not belong there."""
        return [file for folder in (JOBS, TOMBSTONES, STAGING) async for file in self._list(folder)]

    async def files(self, job_id: str) -> list[str]:
        """Names of the files in a job's folder."""
        return [file.name async for file in self._list(f"{JOBS}/{job_id}")]

    async def delete_file(self, job_id: str, name: str) -> None:
        await self._delete(f"{JOBS}/{job_id}/{name}")

    async def delete_folder(self, job_id: str) -> None:
        """Remove every file of a job, its record last, and the empty folder."""
        for name in sorted(await self.files(job_id), key=lambda name: name == "job.json"):
            await self.delete_file(job_id, name)
        if self.root is not None:
            with contextlib.suppress(OSError):  # it has gone with its last file, unless it never held one
                (self.root / JOBS / job_id).rmdir()

    async def delete_everything(self) -> int:
        """Remove every file of every job; how many there were."""
        paths = [file.path for folder in (JOBS, TOMBSTONES) async for file in self._list(folder)]
        for path in paths:
            await self._delete(path)
        await self.delete_stale_staging(0.0)
        return len(paths)

    async def delete_tombstone(self, job_id: str) -> None:
        await self._delete(f"{TOMBSTONES}/{job_id}.json")

    async def get_owner(self) -> bytes:
        """The file by which this storage is owned."""
        return await self._get(LOCK_FILE if self.root else EPOCH_FILE, SMALL_S)

    async def delete_stale_staging(self, older_than_s: float) -> None:
        """Remove what processes that died have left: a local directory's half-written files."""
        if self._directory is not None:
            with translated():
                await asyncio.to_thread(self._directory.delete_staged, time.time() - older_than_s)

    async def free_bytes(self) -> int | None:
        """What can still be written to a local directory; None for an object store, which has no end."""
        if self._directory is None:
            return None
        with translated():
            return await asyncio.to_thread(self._directory.free_bytes)

    async def _put(self, path: str, data: IO[bytes] | bytes) -> None:
        with translated_put():
            if self._records is not None and isinstance(data, bytes):
                await self._records.put(path, data)
                return
            if self._directory is not None:
                await asyncio.to_thread(self._directory.put, path, data)
                return
            async with asyncio.timeout(SMALL_S if isinstance(data, bytes) else None):
                await obstore.put_async(self.objects, path, data)

    async def _get(self, path: str, within_s: float | None = None) -> bytes:
        with translated():
            async with asyncio.timeout(within_s):
                found = await obstore.get_async(self.objects, path)
                return bytes(await found.bytes_async())

    async def written(self) -> None:
        """Return when nothing is being written by `put_record` or `put_tombstone`."""
        if self._records is not None:
            await self._records.written()

    async def _delete(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError), translated():
            if self._directory is not None:
                await asyncio.to_thread(self._directory.delete, path)
                return
            async with asyncio.timeout(SMALL_S):
                await obstore.delete_async(self.objects, path)

    async def _list(self, prefix: str) -> AsyncIterator[StoredFile]:
        with translated():
            if self._directory is not None:  # obstore follows links, and ends at the first name that it does not like
                for entry in await asyncio.to_thread(self._directory.files, prefix):
                    yield _stored_file(entry.path, entry.modified_at, entry.size_bytes, is_plain=entry.is_plain)
                return
            async for batch in obstore.list(self.objects, prefix):
                for meta in batch:
                    yield _stored_file(meta["path"], meta["last_modified"].timestamp(), meta["size"])


def _stored_file(path: str, modified_at: float, size_bytes: int, *, is_plain: bool = True) -> StoredFile:
    folder, *between, name = path.split("/", 2)
    job_id = between[0] if between else name.removesuffix(".json") if folder == TOMBSTONES else ""
    return StoredFile(path, folder, job_id, name, modified_at, size_bytes, is_plain)


async def _chunks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    with translated():
        async for chunk in stream:
            yield bytes(chunk)
