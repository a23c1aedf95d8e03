"""Small files that are written at the same time are written together: the disk is waited for once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from deployments.errands import Errands

Files = Sequence[tuple[str, bytes]]
PutAll = Callable[[Files], Sequence[Exception | None]]

MAX_TOGETHER = 64
"""Each is an open file for a moment."""

MAX_WRITERS = 2
"""On a disk of its own one is enough; over a network, a second one works while the first waits."""


class GatheredPuts:
    """`put_all` blocks; it runs in a thread, and what comes meanwhile is written when it has ended."""

    def __init__(self, put_all: PutAll) -> None:
        self._put_all = put_all
        self._waiting: list[tuple[str, bytes, asyncio.Future[None]]] = []
        self._num_writers = 0
        self._errands = Errands()

    async def put(self, path: str, data: bytes) -> None:
        """Return when the file is there for good. Raises what kept it from that. Who is cancelled meanwhile does not
        know."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((path, data, written))
        if self._num_writers < MAX_WRITERS:
            self._num_writers += 1
            self._errands.start(self._write())
        await written

    async def written(self) -> None:
        """Return when nothing is being written, and nothing waits for it."""
        await self._errands.done()

    async def _write(self) -> None:
        try:
            while self._waiting:
                together, self._waiting = self._waiting[:MAX_TOGETHER], self._waiting[MAX_TOGETHER:]
                files = [(path, data) for path, data, _ in together]
                for (_, _, written), error in zip(together, await self._errors(files), strict=True):
                    _tell(written, error)
        finally:
            self._num_writers -= 1

    async def _errors(self, files: Files) -> Sequence[Exception | None]:
        """What has befallen each."""
        try:
            return await asyncio.to_thread(self._put_all, files)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
            return [error] * len(files)


def _tell(written: asyncio.Future[None], error: Exception | None) -> None:
    if written.done():
        return
    if error is None:
        written.set_result(None)
    else:
        written.set_exception(error)
