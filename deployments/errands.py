"""Errands: what must be carried out although whoever caused it has left, or the store is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from deployments.errors import ServiceError

T = TypeVar("T")

PATIENCE_S = 60.0
"""How long a store that does not answer is asked: by then every lease has run out by itself."""

RETRY_S = 0.5


class Errands:
    """Keeps tasks alive that nobody waits for any more. One for each process that has such."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def whole(self, errand: Coroutine[Any, Any, T]) -> T:
        """The errand's answer. A caller that is cancelled stops waiting; the errand goes on."""
        return await asyncio.shield(self.start(errand))

    def start(self, errand: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(errand)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def done(self) -> None:
        """Return when all have been carried out."""
        while self._tasks:
            await asyncio.wait(self._tasks)


async def insist(call: Callable[[], Awaitable[T]], patience_s: float = PATIENCE_S) -> T:
    """Call until the store, or the storage, has answered. Raises ServiceError after `patience_s`."""
    give_up_at = asyncio.get_running_loop().time() + patience_s
    while True:
        try:
            return await call()
        except ServiceError:
            if asyncio.get_running_loop().time() > give_up_at:
                raise
        await asyncio.sleep(RETRY_S)
