"""Proof that a process sees the same storage as the job store: what it puts there, the store finds.

A replica on a machine without the mount would otherwise write results where nobody looks, and find that
every input was lost.
"""

from __future__ import annotations

import secrets
from typing import Protocol

from deployments.errands import PATIENCE_S, insist
from deployments.errors import ConfigurationError
from deployments.storage.storage import JobStorage


class Witness(Protocol):
    """What a proof needs of the job store."""

    async def sees(self, name: str, proof: bytes) -> bool: ...


async def prove_same_storage(storage: JobStorage, store: Witness, patience_s: float = PATIENCE_S) -> None:
    """Raises ConfigurationError when the job store does not see what is put here; StorageError and
    StoreUnavailableError when one of them has not answered for `patience_s`."""
    name, proof = secrets.token_hex(16), secrets.token_bytes(32)
    await insist(lambda: storage.put_proof(name, proof), patience_s)
    try:
        if not await insist(lambda: store.sees(name, proof), patience_s):
            where = storage.root or "storage_url"
            raise ConfigurationError(
                f"{where} is not what the job store sees under this name: every machine must see the same storage"
            )
    finally:
        await storage.delete_proof(name)
