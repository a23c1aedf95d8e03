"""Proof that a process sees the same storage as the job store: the file by which that owns it.

A replica on a machine without the mount would otherwise write results where nobody looks, and find that
every input was lost. The proof is read, never written, so that it works on a full storage too.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from deployments.errands import PATIENCE_S, RETRY_S, insist
from deployments.errors import ConfigurationError
from deployments.storage.storage import JobStorage


class Witness(Protocol):
    """What a proof needs of the job store."""

    async def proof(self) -> bytes: ...


async def prove_same_storage(storage: JobStorage, store: Witness, patience_s: float = PATIENCE_S) -> None:
    """Raises ConfigurationError when what is here is not what the job store owns; StorageError and
    StoreUnavailableError when one of them has not answered for `patience_s`."""
    give_up_at = asyncio.get_running_loop().time() + min(patience_s, PATIENCE_S / 4)
    while await insist(store.proof, patience_s) != await insist(lambda: _seen(storage), patience_s):
        if asyncio.get_running_loop().time() > give_up_at:
            where = storage.root or "storage_url"
            raise ConfigurationError(
                f"{where} is not what the job store sees under this name: every machine must see the same storage"
            )
        await asyncio.sleep(RETRY_S)  # the store may have begun anew between the two, or a mount remember what was


async def _seen(storage: JobStorage) -> bytes | None:
    with contextlib.suppress(FileNotFoundError):
        return await storage.get_owner()
    return None
