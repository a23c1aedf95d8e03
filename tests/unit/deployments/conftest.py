"""A store over a storage of its own, in this process, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx
import pytest
from obstore.store import MemoryStore

from deployments.ingress.admission import Admission, Serving
from deployments.ingress.api import create_app
from deployments.ingress.backend import Backend
from deployments.jobs.policy import Policy
from deployments.jobs.record import Order
from deployments.jobs.store import JobStore
from deployments.storage.storage import JobStorage, open_storage
from upscaler.catalogue import load_catalogue
from upscaler.picture import Limits

MAX_UPLOAD = 1 << 20


@dataclass
class FakeClock:
    """Both clocks, moved by hand; `skew` sets the wall clock back or forth."""

    now: float = 1_000_000.0
    skew: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + self.skew

    def advance(self, seconds: float) -> None:
        self.now += seconds


ORDER = Order(
    model="realesr-animevideov3",
    scale=4,
    input_format="png",
    input_width=8,
    input_height=8,
    input_bytes=100,
    output_format="png",
    filename="cat",
    estimated_s=1.0,
)


def an_order(estimated_s: float = 1.0) -> Order:
    return replace(ORDER, estimated_s=estimated_s)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["local", "memory"])
def storage(request, tmp_path) -> JobStorage:
    """Every back end that runs in this process: the same tests hold for all."""
    return open_storage(str(tmp_path / "storage")) if request.param == "local" else JobStorage(MemoryStore(), None)


@pytest.fixture
async def store(storage, clock) -> AsyncIterator[JobStore]:
    store = JobStore(storage, Policy(), clock)
    await store.start()
    yield store
    await store.close()


@pytest.fixture
def backend(store, storage) -> Backend:
    models = ("realesr-animevideov3", "realesrgan-x4plus")
    serving = Serving(load_catalogue(), models, models[0], Limits(max_input_px=10_000), 200.0)
    return Backend(store, storage, Admission(serving), MAX_UPLOAD)


@pytest.fixture
async def client(backend):
    transport = httpx.ASGITransport(create_app(backend), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def assert_is_problem(answer: httpx.Response) -> None:
    """Every error body has the members of the contract, and names nothing of ours."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["success"] is False
    assert "status" not in body
    assert body["error"] == body["detail"]
    assert body["instance"] == answer.headers["x-request-id"]
    assert not any(word in answer.text.lower() for word in ("traceback", "pillow", "starlette", "/tmp", ".py"))
