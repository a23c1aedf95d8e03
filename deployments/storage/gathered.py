"""Small files that are written at the same time are written together: the disk is waited for once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deployments.batching import Batched
from deployments.errands import Errands

PutAll = Callable[[Sequence[tuple[str, bytes]]], Sequence[Exception | None]]

MAX_TOGETHER = 64
"""Each is an open file for a moment."""


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """One put. No other is the same, whatever it writes: two of one path must both be done, in their order."""

    path: str
    data: bytes


class GatheredPuts:
    """`put_all` blocks; it runs in a thread, and what comes meanwhile is written when it has ended."""

    def __init__(self, put_all: PutAll) -> None:
        self._put_all, self._errands = put_all, Errands()
        self._puts = Batched(self._write, self._errands, gather_s=0.0, max_batch=MAX_TOGETHER)

    async def put(self, path: str, data: bytes) -> None:
        """Return when the file is there for good. Raises what kept it from that. Who is cancelled meanwhile does not
        know."""
        if (error := await self._puts.get(_File(path, data))) is not None:
            raise error

    async def written(self) -> None:
        """Return when nothing is being written, and nothing waits for it."""
        await self._errands.done()

    async def _write(self, files: list[_File]) -> Sequence[Exception | None]:
        """What has befallen each."""
        return await asyncio.to_thread(self._put_all, [(file.path, file.data) for file in files])
