"""The guide's three calls, as a client would write them."""

from __future__ import annotations

import time

import httpx

PATIENCE_S = 120.0


def submit(client: httpx.Client, data: bytes, **fields: str) -> str:
    answer = client.post("/api/v1/upscale", files={"image": ("picture", data)}, data=fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def finished(client: httpx.Client, job_id: str) -> dict[str, object]:
    """Poll until the job has ended; progress must never fall on the way."""
    progress, give_up_at = 0, time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        answer = client.get(f"/api/v1/status/{job_id}")
        assert answer.status_code == 200
        document = answer.json()
        if document["status"] != "processing":
            return document
        assert progress <= document["progress"] < 100
        progress = document["progress"]
        time.sleep(0.05)
    raise AssertionError(f"job {job_id} did not end in time")


def fetched(client: httpx.Client, job_id: str) -> bytes:
    answer = client.get(f"/api/v1/download/{job_id}")
    assert answer.status_code == 200, answer.text
    return answer.content


def eventually(condition, what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for something that the service does in its own time."""
    give_up_at = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < give_up_at, what
        time.sleep(0.1)
