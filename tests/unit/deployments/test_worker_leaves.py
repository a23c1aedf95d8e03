"""A worker that is to go tells the store, instead of hanging up on it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from deployments.errors import StoreUnavailableError
from deployments.jobs.messages import Grant
from deployments.upscaler.worker import Worker
from tests.unit.deployments.conftest import ORDER
from upscaler.engine import Tally

pytestmark = pytest.mark.anyio

IDLE_ENGINE, EMPTY_SHELF = SimpleNamespace(tally=Tally(0, 0.0)), SimpleNamespace(num_redone=lambda: 0)
STOPS_S = 5.0
"""Far less than the long poll of a worker that has nothing to do."""


@dataclass
class OneWaits:
    """A store with one long poll, which `answer` answers when its holder leaves."""

    answer: Grant | None = None
    is_away: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    released: list[str] = field(default_factory=list)

    async def lease(self, holder: str, on_hand_s: float, wait_s: float) -> Grant | None:
        self.asked.set()
        await self.left.wait()
        return self.answer

    async def leave(self, holder: str) -> None:
        if self.is_away:
            raise StoreUnavailableError("the job store is not there")
        self.left.set()

    async def report(self, reports: dict[str, object]) -> list[str]:
        return []

    async def release(self, job_id: str, fence: int) -> bool:
        self.released.append(job_id)
        return True


class SlowInputs:
    """A storage that takes for ever to read."""

    async def get_input(self, job_id: str) -> bytes:
        return await asyncio.Event().wait()


async def stopped(store: OneWaits) -> None:
    """A worker has begun to wait for work, and then ends."""
    worker = Worker("holder", store, SlowInputs(), IDLE_ENGINE, EMPTY_SHELF)
    running = asyncio.ensure_future(worker.run())
    await store.asked.wait()
    worker.stop()
    await asyncio.wait_for(running, STOPS_S)


async def test_the_wait_is_ended_in_the_store():
    store = OneWaits()
    await stopped(store)
    assert store.left.is_set()


async def test_a_store_that_is_away_keeps_nobody():
    await stopped(OneWaits(is_away=True))


async def test_what_it_is_given_as_it_leaves_is_given_back(monkeypatch):
    monkeypatch.setattr("deployments.upscaler.worker.FINISH_S", 0.1)
    store = OneWaits(Grant("1234567890123456789", 1, ORDER, 15.0))
    await stopped(store)
    assert store.released == ["1234567890123456789"]
