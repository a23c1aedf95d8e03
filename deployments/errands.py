"""Errands: what must be carried out although the request that caused it has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from deployments.errors import ServiceError

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_S = 60.0
"""How long the store is asked: by then a download's lease has run out by itself."""

RETRY_S = 0.5


class Errands:
    """Keeps tasks alive that nobody waits for any more. One for each Ingress replica."""

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


async def insist(what: str, call: Callable[[], Awaitable[None]]) -> None:
    """Call until the store has answered, for PATIENCE_S at most."""
    give_up_at = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            return await call()
        except ServiceError as error:
            if asyncio.get_running_loop().time() > give_up_at:
                log.warning("%s: the store was not told: %s", what, error)
                return None
        await asyncio.sleep(RETRY_S)
