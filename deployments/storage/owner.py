"""One store owns a storage; the other answers nothing, and says why.

On a local directory the kernel's lock says who: the first to come keeps it until its process ends,
however that dies. An object store has no lock that goes with a process, so there it is a counter:
the last to raise it owns it, and the one before finds out when it looks again.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import Protocol

import obstore
from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import ObjectStore

from deployments.errors import StorageError
from deployments.storage.objects import SMALL_S, translated, translated_put
from deployments.storage.storage import EPOCH_FILE, LOCK_FILE, JobStorage

PROOF_BYTES = 64
IN_USE = "the storage is in use by another Upscaler; stop that one or configure another storage_url"


class Ownership(Protocol):
    """`take` once, `check` now and then; both raise StorageError when somebody else owns it. `proof` is
    what its file says: nobody who sees another storage can know it."""

    @property
    def proof(self) -> bytes: ...

    async def take(self) -> None: ...

    async def check(self) -> None: ...

    def release(self) -> None: ...


def ownership_of(storage: JobStorage) -> Ownership:
    return FileLock(storage.root / LOCK_FILE) if storage.root else Epoch(storage.objects)


class FileLock:
    """flock(2) on a file of the directory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self.proof = b""

    async def take(self) -> None:
        self.take_now()

    def take_now(self) -> None:
        """Raises StorageError at once when another process holds it. Taken again, it changes nothing."""
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(f"the storage {self._path.parent} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise StorageError(IN_USE) from error
        self._descriptor = descriptor
        self.proof = _written_proof(descriptor)

    async def check(self) -> None:
        """A lock that is held stays held, but its file may have been removed, and with it the storage."""
        if self._descriptor is None or not self._is_there():
            self.release()
            self.take_now()

    def _is_there(self) -> bool:
        try:
            return self._descriptor is not None and os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False
        except OSError as error:  # of a mount that is away for a moment: no reason to give up a lock
            raise StorageError(f"storage failed: {error.strerror}") from error

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _written_proof(descriptor: int) -> bytes:
    """A name for this owner, in its file. Where a full disk does not take it, the last owner's does as well."""
    proof = secrets.token_hex(PROOF_BYTES // 2).encode()
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, proof, 0)
    if found := os.pread(descriptor, PROOF_BYTES, 0):
        return found
    raise StorageError("the storage is full")


class Epoch:
    """A number that each owner raises by a conditional put, with a name, lest the file be deleted and begun anew."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._ours: tuple[int, str] | None = None
        self.proof = b""

    async def take(self) -> None:
        (epoch, _), e_tag = await self._read()
        ours = epoch + 1, secrets.token_hex(16)
        mode: object = {"e_tag": e_tag} if e_tag else "create"
        body = json.dumps({"epoch": ours[0], "owner": ours[1]}).encode()
        with translated_put():
            try:
                async with asyncio.timeout(SMALL_S):
                    await obstore.put_async(self._objects, EPOCH_FILE, body, mode=mode)  # type: ignore[arg-type]
            except (AlreadyExistsError, PreconditionError) as error:
                raise StorageError(IN_USE) from error
        self._ours, self.proof = ours, body

    async def check(self) -> None:
        found, _ = await self._read()
        if found != self._ours:
            raise StorageError(IN_USE)

    def release(self) -> None:
        """Nothing to do: the next owner raises the number."""

    async def _read(self) -> tuple[tuple[int, str], str | None]:
        """Number and name of the owner, and the tag by which to overwrite them."""
        try:
            with translated():
                async with asyncio.timeout(SMALL_S):
                    found = await obstore.get_async(self._objects, EPOCH_FILE)
                    owner = json.loads(bytes(await found.bytes_async()))
                    return (int(owner["epoch"]), str(owner["owner"])), found.meta["e_tag"]
        except FileNotFoundError:
            return (0, ""), None
