"""A running service with every feature on: keys, quotas, foreign pages, and limits small enough to be met."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.api.raw import Raw
from tests.pictures import png
from tests.service.calls import eventually
from tests.system import FAST, System

PATIENCE_S = 60.0
RESULT_TTL_S = 20.0
FRIEND = "https://friend.example"
MAX_UPLOAD_BYTES, MAX_QUEUED, MAX_DOWNLOADS = 2 << 20, 40, 2


def a_key(name: str, **limits: object) -> dict[str, object]:
    return {"name": name, "sha256": hashlib.sha256(f"secret of {name}".encode()).hexdigest(), **limits}


OPTIONS: dict[str, object] = {
    "result_ttl_s": RESULT_TTL_S,
    "cold_start_limit_s": 10,
    "limits": {
        "max_upload_bytes": MAX_UPLOAD_BYTES,
        "max_bodies_bytes": 3 * MAX_UPLOAD_BYTES,
        "max_queued": MAX_QUEUED,
        "max_downloads": MAX_DOWNLOADS,
        "max_stored_bytes": 1_000_000_000,
    },
    "models": {"default": FAST},
    "access": {
        "origins": [FRIEND],
        "keys": [
            a_key("alice"),
            a_key("bob"),
            a_key("one", max_jobs=1),
            a_key("small", max_bytes=1000),
            a_key("slow", per_minute=1),
        ],
    },
}


@pytest.fixture(scope="session")
def system(tmp_path_factory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("api")
    system = System(folder, **OPTIONS)
    try:
        system.start()
        yield system
    finally:
        system.kill_everything()


class Caller(httpx.Client):
    """A client with a key, and what tests do again and again."""

    def __init__(self, url: str, key: str | None = "alice") -> None:
        headers = {"Authorization": f"Bearer secret of {key}"} if key else {}
        super().__init__(base_url=url, timeout=PATIENCE_S, headers=headers)

    def submit(self, data: bytes | None = None, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        name = fields.pop("filename", "cat.png")
        files = {"image": (name, png(1) if data is None else data)}
        return self.post("/api/v1/upscale", files=files, data=fields, headers=headers)

    def accepted(self, data: bytes | None = None, **fields: str) -> str:
        answer = self.submit(data, **fields)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def status(self, job_id: str, **options: Any) -> httpx.Response:
        return self.get(f"/api/v1/status/{job_id}", **options)

    def download(self, job_id: str, **options: Any) -> httpx.Response:
        return self.get(f"/api/v1/download/{job_id}", **options)

    def cancel(self, job_id: str) -> httpx.Response:
        return self.delete(f"/api/v1/status/{job_id}")

    def completed(self, data: bytes | None = None, **fields: str) -> str:
        """The id of a job whose result can be had."""
        job_id = self.accepted(data, **fields)
        document = self.status(job_id, params={"wait": "60"}).json()
        assert document["status"] == "completed", document
        return job_id

    def until(self, condition: Callable[[], httpx.Response], status: int, pause_s: float = 0.1) -> httpx.Response:
        """Ask until the answer has this status; what came last."""
        give_up_at = time.monotonic() + PATIENCE_S
        while (answer := condition()).status_code != status and time.monotonic() < give_up_at:
            time.sleep(pause_s)
        return answer

    def until_status(self, job_id: str, member: str, value: str) -> None:
        """Ask until the status says so."""
        eventually(lambda: self.status(job_id).json()[member] == value, f"{member} is {value}", PATIENCE_S)


@pytest.fixture
def alice(system) -> Iterator[Caller]:
    with Caller(system.url) as caller:
        yield caller


@pytest.fixture
def bob(system) -> Iterator[Caller]:
    with Caller(system.url, "bob") as caller:
        yield caller


@pytest.fixture
def anybody(system) -> Iterator[Caller]:
    """Without a key."""
    with Caller(system.url, None) as caller:
        yield caller


@pytest.fixture
def long_job(alice) -> Iterator[str]:
    """A job that runs for longer than any test."""
    job_id = alice.accepted(png(9, 900, 900), model="realesrgan-x4plus")
    eventually(lambda: alice.status(job_id).json().get("stage") == "running", "it runs", PATIENCE_S)
    yield job_id
    alice.cancel(job_id)


@pytest.fixture
def raw(system) -> Iterator[Callable[[], Raw]]:
    """Connections that are closed after the test."""
    opened: list[Raw] = []

    def connect() -> Raw:
        opened.append(Raw(system.port))
        return opened[-1]

    yield connect
    for connection in opened:
        with suppress(OSError):
            connection.close()


@pytest.fixture(scope="session")
def document(system) -> dict[str, Any]:
    """What the service says of its API."""
    said: dict[str, Any] = httpx.get(f"{system.url}/openapi.json").json()
    return said
