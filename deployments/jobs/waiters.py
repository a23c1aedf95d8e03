"""Replicas that wait for work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from deployments.jobs.messages import Grant


class Waiter:
    """One replica's long poll. Between `take` and `grant` its record is on the way to storage."""

    def __init__(self, holder: str, on_hand_s: float) -> None:
        self.holder, self.on_hand_s = holder, on_hand_s
        self.taken = False
        self._future: asyncio.Future[Grant | None] = asyncio.get_running_loop().create_future()

    @property
    def is_answered(self) -> bool:
        return self._future.done()

    def take(self) -> None:
        self.taken = True

    def put_back(self) -> None:
        """What was taken for it is gone: it waits on."""
        self.taken = False

    def grant(self, grant: Grant) -> None:
        if not self._future.done():
            self._future.set_result(grant)

    def dismiss(self) -> None:
        """It waits no more, but for what has been taken for it."""
        if not self.taken and not self._future.done():
            self._future.set_result(None)

    def refuse(self, error: Exception) -> None:
        if not self._future.done():
            self._future.set_exception(error)

    async def granted(self, wait_s: float) -> Grant | None:
        """The grant, or None when nothing came in time. A job already taken is waited for."""
        done, _ = await asyncio.wait([self._future], timeout=wait_s)
        if not done and not self.taken:
            return None
        return await self._future


class Waiters:
    """All long polls in progress."""

    def __init__(self) -> None:
        self._waiting: list[Waiter] = []

    @contextlib.contextmanager
    def joined(self, holder: str, on_hand_s: float) -> Iterator[Waiter]:
        """A waiter for as long as its caller listens."""
        waiter = Waiter(holder, on_hand_s)
        self._waiting.append(waiter)
        try:
            yield waiter
        finally:
            self._waiting.remove(waiter)

    def dismiss(self, holder: str) -> None:
        """A replica is to go: no job may be given to somebody who does not listen."""
        for waiter in self._waiting:
            if waiter.holder == holder:
                waiter.dismiss()

    def has(self, waiter: Waiter) -> bool:
        """Whether its caller still listens."""
        return waiter in self._waiting and not waiter.is_answered

    def emptiest_first(self) -> list[Waiter]:
        return sorted((waiter for waiter in self._waiting if not waiter.taken), key=lambda waiter: waiter.on_hand_s)
