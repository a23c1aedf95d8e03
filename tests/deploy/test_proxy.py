"""nginx with the shipped files in front of the real edge and application: the contract holds through it."""

from __future__ import annotations

import asyncio
import os

import pytest

from deployments.edge import bodies
from deployments.ingress import events
from deployments.settings import Settings
from tests.deploy.proxy import needs_nginx
from tests.pictures import png
from tests.unit.deployments.conftest import assert_is_problem
from tests.unit.deployments.edge.clients import PATIENCE_S
from tests.unit.deployments.test_store import finished

pytestmark = [pytest.mark.anyio, needs_nginx]

MOST_BYTES = Settings().limits.max_upload_bytes
POST = "POST /api/v1/upscale HTTP/1.1\r\nHost: upscaler.example\r\nContent-Type: multipart/form-data; boundary=b\r\n"


async def result_of(store, job_id: str) -> str:
    """What became of the result, when nobody is downloading it any more."""
    async with asyncio.timeout(PATIENCE_S):
        while (document := await store.status(job_id))["result"] == "downloading":
            await asyncio.sleep(0.01)
    return str(document["result"])


async def test_a_submission_passes_with_the_name_that_was_asked_for(client):
    answer = await client.post("/api/v1/upscale", files={"image": ("cat.png", png(1))})
    assert answer.status_code == 202
    assert (await client.get(answer.json()["status_url"])).json()["status"] == "processing"
    refused = await client.get("/api/v1/models", headers={"Host": "other.example"})
    assert (refused.status_code, refused.json()["code"]) == (400, "host_not_allowed")


async def test_what_the_service_refuses_comes_unchanged(client):
    answer = await client.get("/api/v1/status/1", headers={"X-Request-ID": "mine-1"})
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert answer.headers["x-request-id"] == "mine-1"
    assert_is_problem(answer)


async def chunks(size_bytes: int):
    for _ in range(size_bytes // 65_536 + 1):
        yield b"x" * 65_536


@pytest.mark.parametrize("by_header", [True, False])
async def test_too_large_a_body_is_refused_in_our_words(client, by_header):
    content = b"x" * (MOST_BYTES + 1) if by_header else chunks(MOST_BYTES)
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await client.post("/api/v1/upscale", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (413, "body_too_large", MOST_BYTES)
    assert answer.headers["cache-control"] == "no-store"
    assert_is_problem(answer)


async def test_a_slow_body_gets_the_408_of_the_service(raw, monkeypatch):
    monkeypatch.setattr(bodies, "GRACE_S", 0.3)
    await raw.send(f"{POST}Content-Length: 100000\r\n\r\n--b".encode())
    async with asyncio.timeout(PATIENCE_S):
        head = await raw.head()
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"application/problem+json" in head
        assert b"body_too_slow" in await raw.read(10_000)  # to the end of the connection


async def test_events_come_when_they_happen(client, store, monkeypatch):
    monkeypatch.setattr(events, "LOOK_S", 0.02)
    job_id = (await client.post("/api/v1/upscale", files={"image": ("a.png", png(1))})).json()["job_id"]
    async with client.stream("GET", f"/api/v1/status/{job_id}", headers={"Accept": "text/event-stream"}) as answer:
        lines = answer.aiter_lines()
        async for line in lines:
            if line == "event: progress":
                break
        grant = await store.lease("holder", 0.0, 1.0)  # only now: the first event has arrived before
        assert await store.fail(job_id, grant.fence, "invalid_image", "damaged")
        assert "event: failed" in [line async for line in lines]


async def test_a_complete_download_consumes_the_result(client, store):
    data = os.urandom(5 << 20)
    job_id = await finished(store, data)
    answer = await client.get(f"/api/v1/download/{job_id}")
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-length"] == str(len(data))
    assert await result_of(store, job_id) == "downloaded"
    assert (await client.get(f"/api/v1/download/{job_id}")).json()["code"] == "already_downloaded"


async def test_a_download_that_breaks_off_can_be_repeated(client, raw, store):
    """A large one: what fits into the buffers of two connections, the proxy may have taken delivery of."""
    data = os.urandom(40 << 20)
    job_id = await finished(store, data)
    await raw.send(f"GET /api/v1/download/{job_id} HTTP/1.1\r\nHost: upscaler.example\r\n\r\n".encode())
    await raw.head()
    await raw.read(1 << 20)
    raw.reset()
    assert await result_of(store, job_id) == "available"
    assert (await client.get(f"/api/v1/download/{job_id}")).content == data


async def test_a_request_that_is_none_gets_our_words(raw):
    await raw.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    async with asyncio.timeout(PATIENCE_S):
        head = await raw.head()
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"application/problem+json" in head
        assert b'"code": "bad_request"' in await raw.read(10_000)
