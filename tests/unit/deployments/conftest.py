"""A store over a storage of its own, in this process, with a clock that the test moves."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from obstore.store import MemoryStore

from deployments.decoder.decoder import Decoder
from deployments.ingress.access import Access
from deployments.ingress.admission import Admission, Serving
from deployments.ingress.api import create_app
from deployments.ingress.backend import Backend
from deployments.jobs.policy import Policy
from deployments.jobs.record import Order
from deployments.jobs.store import JobStore
from deployments.storage.storage import JobStorage, open_storage
from tests.ports import free_port
from tests.unit.deployments.meters import Remembered
from upscaler.catalogue import load_catalogue
from upscaler.pictures.picture import Limits

MAX_UPLOAD = 1 << 20
S3_STARTS_S = 60.0


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
def meter() -> Remembered:
    return Remembered()


@pytest.fixture
def root(tmp_path) -> Path:
    """Of a local storage of the test's own."""
    return tmp_path / "storage"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory) -> Iterator[str]:
    """The URL of an S3 server: moto's, a process of its own, for the whole session."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    log = tmp_path_factory.mktemp("s3") / "server.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + S3_STARTS_S
        while not _answers(url):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/moto-api/", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def s3_environment(monkeypatch) -> pytest.MonkeyPatch:
    """What an operator sets for an S3 server that is not Amazon's, all but AWS_ENDPOINT_URL."""
    for name, value in {
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def s3_storage(s3_server, s3_environment) -> JobStorage:
    """A storage under a prefix of a bucket of its own."""
    bucket = f"test-{secrets.token_hex(8)}"
    assert httpx.put(f"{s3_server}/{bucket}", trust_env=False).status_code == 200
    s3_environment.setenv("AWS_ENDPOINT_URL", s3_server)
    return open_storage(f"s3://{bucket}/up/scaler")


@pytest.fixture(params=["local", "memory", "s3"])
def storage(request, tmp_path) -> JobStorage:
    """Every back end: the same tests hold for all."""
    if request.param == "s3":
        return request.getfixturevalue("s3_storage")
    return open_storage(str(tmp_path / "storage")) if request.param == "local" else JobStorage(MemoryStore(), None)


@pytest.fixture
async def store(storage, clock) -> AsyncIterator[JobStore]:
    store = JobStore(storage, Policy(), clock)
    await store.start()
    yield store
    await store.close()


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    """One for all tests, each of which has an event loop of its own: so nobody may have to wait for a turn."""
    decoder = Decoder(max_running=100)
    yield decoder
    decoder.close()


@pytest.fixture
def backend(store, storage, decoder) -> Backend:
    models = ("realesr-animevideov3", "realesrgan-x4plus")
    serving = Serving(load_catalogue(), models, models[0], Limits(max_input_px=10_000), 200.0, MAX_UPLOAD)
    return Backend(store, storage, Admission(serving, decoder), access=Access(("*",)))


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
