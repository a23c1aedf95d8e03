"""`Idempotency-Key`: a submission that is repeated with the same key gives the same job.

After draft-ietf-httpapi-idempotency-key-header. What is kept of a key and of its payload are digests.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import astuple
from functools import partial
from typing import IO, Protocol

from starlette.datastructures import Headers

from deployments.errands import Errands, insist
from deployments.errors import RequestError, ServiceError
from deployments.ingress.keys import said_key
from deployments.ingress.options import Options
from deployments.ingress.problems import refused

HEADER = "idempotency-key"
KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")


class UploadStore(Protocol):
    """What a reservation needs of the job store."""

    async def begin_upload(self, key: str) -> bool: ...

    async def end_upload(self, key: str) -> None: ...


def key_digest(headers: Headers) -> str | None:
    """The digest of the request's key, None when it has none. Raises RequestError invalid_idempotency_key."""
    found = headers.getlist(HEADER)
    if not found:
        return None
    if len(found) != 1 or not KEY.match(found[0]):
        sentence = "Idempotency-Key must be 1 to 255 visible ASCII characters, sent once."
        raise RequestError("invalid_idempotency_key", sentence)
    return hashlib.sha256(f"{said_key(headers)}\n{found[0]}".encode()).hexdigest()  # each client has its own


def payload_digest(file: IO[bytes], options: Options) -> str:
    """What must be the same for a repeated key: the image and all that is asked for."""
    file.seek(0)
    image = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    return hashlib.sha256(repr((image, astuple(options))).encode()).hexdigest()


@contextlib.asynccontextmanager
async def reserved(store: UploadStore, errands: Errands, key: str | None) -> AsyncIterator[None]:
    """One upload at a time for a key. Raises RequestError upload_in_progress, StoreUnavailableError."""
    if key is None:
        yield
        return
    try:
        is_first = await store.begin_upload(key)
    except ServiceError:  # it may have been heard all the same
        errands.start(_ended(store, key))
        raise
    if not is_first:
        raise refused("upload_in_progress")
    try:
        yield
    finally:
        await errands.whole(_ended(store, key))  # also when the client has left


async def _ended(store: UploadStore, key: str) -> None:
    with contextlib.suppress(ServiceError):  # it runs out by itself
        await insist(partial(store.end_upload, key))
