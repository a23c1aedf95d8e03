"""What the service writes of its work: each line a document, and nothing in it that is the client's."""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pictures import png

pytestmark = pytest.mark.service

PATIENCE_S = 20.0
RAYS = (":job_id:", ":actor_name:", ":task_name:")
"""Ray marks the beginning of a worker's output so."""


def ours(logs: Path) -> Iterator[Path]:
    """The logs of all processes that have to do with requests and jobs."""
    yield from (logs / "serve").glob("replica_*.log")
    yield from (logs / "serve").glob("proxy_*.log")
    for path in logs.glob("worker-*.err"):
        if "JobStoreActor" in path.read_text():
            yield path


def lines(logs: Path) -> Iterator[dict[str, object]]:
    for path in ours(logs):
        written = [line for line in path.read_text().splitlines() if line and not line.startswith(RAYS)]
        documents = itertools.dropwhile(lambda line: not line.startswith("{"), written)  # Serve begins before we do
        yield from map(json.loads, documents)


def eventually(logs: Path, job_id: str, *messages: str) -> list[dict[str, object]]:
    """The lines on a job, once they have come: Serve keeps some back for a moment."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        found = [line for line in lines(logs) if line.get("job") == job_id]
        if {line["message"] for line in found} >= {f"job {job_id} is {message}" for message in messages}:
            return found
        assert time.monotonic() < give_up_at, found
        time.sleep(0.1)


def push_out(client) -> None:
    """Serve writes its lines in batches; here are enough to send ours on their way."""
    for _ in range(20):
        client.get("/api/v1/limits")


def test_a_jobs_life_is_in_the_logs(service, client):
    request_id = f"r-{secrets.token_hex(8)}"
    files = {"image": ("cat.png", png(1))}
    job_id = client.post("/api/v1/upscale", files=files, headers={"X-Request-ID": request_id}).json()["job_id"]
    assert client.get(f"/api/v1/status/{job_id}?wait=60").json()["status"] == "completed"
    assert client.get(f"/api/v1/download/{job_id}").status_code == 200
    push_out(client)
    found = eventually(service.logs, job_id, "accepted", "leased, attempt 1", "completed", "gone: downloaded")
    assert request_id in {line.get("request_id") for line in found}
    of_request = [line["message"] for line in lines(service.logs) if line.get("request_id") == request_id]
    assert (
        len([message for message in of_request if message.startswith("POST /api/v1/upscale 202")]) == 2
    )  # proxy, replica


def test_nothing_of_the_clients_is_in_the_logs(service, client):
    canary = f"canary{secrets.token_hex(8)}"
    headers = {"Authorization": f"Bearer {canary}", "X-API-Key": canary, "Idempotency-Key": canary, "Cookie": canary}
    good = {"image": (f"{canary}.png", png(2))}
    job_id = client.post("/api/v1/upscale", files=good, headers={"Idempotency-Key": canary}).json()["job_id"]
    assert client.get(f"/api/v1/status/{job_id}?wait=60").json()["status"] == "completed"
    assert client.get(f"/api/v1/download/{job_id}").status_code == 200
    assert client.post("/api/v1/upscale", files=good, headers=headers).status_code == 401
    assert client.post("/api/v1/upscale", files={"image": (f"{canary}.png", canary.encode())}).status_code == 415
    assert client.post("/api/v1/upscale", files=good, data={"model": canary, canary: canary}).status_code == 422
    assert client.get("/api/v1/limits", params={"key": canary}).status_code == 200
    last = client.post("/api/v1/upscale", files={"image": ("last.png", png(3))}).json()["job_id"]
    push_out(client)
    eventually(service.logs, last, "accepted")
    told = [path for path in service.logs.rglob("*") if path.is_file() and canary.encode() in path.read_bytes()]
    assert not told
