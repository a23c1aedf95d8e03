"""Both clients, driven alike: every test of a call runs with each."""

from __future__ import annotations

import asyncio
import functools
import inspect

import pytest

from client.tests.double import FakeService
from upscaler_client import AsyncClient, Client


class Clock:
    """Time passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.pauses = 1000.0, []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


class Blocking:
    """An AsyncClient that is called like a Client."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> object:
        call = getattr(self._client, name)
        return functools.partial(self._run, call) if inspect.iscoroutinefunction(call) else call

    def __repr__(self) -> str:
        return repr(self._client)

    @staticmethod
    def _run(call, *args, **options):
        return asyncio.run(call(*args, **options))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture(params=["sync", "async"])
def make_client(request, service, clock):
    """Makes a client of either kind over the service."""

    def make(url: str = "http://upscaler.test", key: str | None = None, **options):
        options = {"transport": service, "clock": clock, **options}
        if request.param == "sync":
            return Client(url, key, sleep=clock.sleep, **options)
        return Blocking(AsyncClient(url, key, sleep=clock.sleep_async, **options))

    return make


@pytest.fixture
def client(make_client):
    return make_client()
