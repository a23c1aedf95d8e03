"""Batched: many questions in one call. While one call is on its way, the next gathers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from deployments.errands import Errands

Q = TypeVar("Q")
A = TypeVar("A")

MAX_BATCH = 500
GATHER_S = 0.02
"""A call to the store costs as much processor time as half a dozen requests. Who asks alone never waits so long, nor
do those who have all come back."""


class Batched(Generic[Q, A]):
    """At most one call in flight. `fetch` answers many questions, in order; the same question is asked once."""

    def __init__(
        self,
        fetch: Callable[[list[Q]], Awaitable[Sequence[A]]],
        errands: Errands,
        gather_s: float = GATHER_S,
        max_batch: int = MAX_BATCH,
    ) -> None:
        self._fetch, self._errands, self._gather_s, self._max_batch = fetch, errands, gather_s, max_batch
        self._wanted: dict[Q, asyncio.Future[A]] = {}
        self._is_fetching = False
        self._expected = 0
        self._all_are_there = asyncio.Event()

    async def get(self, asked: Q) -> A:
        """Its answer. Raises what the call raises."""
        if asked not in self._wanted:
            self._wanted[asked] = asyncio.get_running_loop().create_future()
            if len(self._wanted) >= self._expected:
                self._all_are_there.set()
        wanted = self._wanted[asked]
        if not self._is_fetching:
            self._is_fetching = True
            self._errands.start(self._fetch_all())
        return await asyncio.shield(wanted)  # others may wait for the same

    async def _fetch_all(self) -> None:
        try:
            while self._wanted:
                batch = list(self._wanted)[: self._max_batch]
                await self._answer({asked: self._wanted.pop(asked) for asked in batch})
                if len(batch) > 1 and self._gather_s:  # many ask: let as many gather again
                    await self._gathered(len(batch))
        finally:
            self._is_fetching = False

    async def _gathered(self, expected: int) -> None:
        self._expected = expected
        if len(self._wanted) >= expected:
            return
        self._all_are_there.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_are_there.wait(), self._gather_s)

    async def _answer(self, batch: dict[Q, asyncio.Future[A]]) -> None:
        try:
            answers = await self._fetch(list(batch))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who asked
            for wanted in batch.values():
                wanted.set_exception(error)
                wanted.exception()  # it counts as heard even where the client has left
        else:
            for wanted, answer in zip(batch.values(), answers, strict=True):
                wanted.set_result(answer)
