"""What a client can do to an upload, and what Serve would let it do otherwise."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from dataclasses import replace

import httpx
import pytest

from deployments.edge import bodies, edge, exchange
from deployments.edge.edge import Edge
from tests.pictures import png
from tests.unit.deployments.conftest import assert_is_problem
from tests.unit.deployments.edge.clients import PATIENCE_S, SETTINGS, serving

pytestmark = pytest.mark.anyio

MULTIPART = "multipart/form-data; boundary=b"
FORM = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
POST = f"POST /api/v1/upscale HTTP/1.1\r\nHost: t\r\nContent-Type: {MULTIPART}\r\n"


async def test_an_upload_passes(client):
    answer = await client.post("/api/v1/upscale", files={"image": ("cat.png", png(1))})
    assert answer.status_code == 202


async def chunks(size_bytes: int):
    yield FORM
    for _ in range(size_bytes // 65_536 + 1):
        yield b"x" * 65_536


async def test_a_post_without_a_body_is_answered(client):
    answer = await client.post("/api/v1/upscale")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert_is_problem(answer)


@pytest.mark.parametrize("size_bytes", [0, 1, 300_000, 3_000_000])
async def test_a_body_comes_out_as_it_went_in(size_bytes):
    data = os.urandom(size_bytes)
    pieces = [data[start : start + 70_000] for start in range(0, size_bytes, 70_000)] or [b""]
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    waiting[-1]["more_body"] = False
    waiting.append({"type": "http.disconnect"})

    async def receive():
        return waiting.pop(0)

    budget = bodies.BodyBudget()
    body = bodies.Body(receive, budget, 0, replace(SETTINGS, max_upload_bytes=size_bytes + 1))
    await body.take_whole()
    assert budget.held_bytes == body.size_bytes == size_bytes
    taken = b""
    while (message := await body.receive())["type"] == "http.request":
        taken += message["body"]
        last = message
    assert taken == data
    assert not last["more_body"]
    assert body.client_left
    body.close()
    assert budget.held_bytes == 0


@pytest.mark.parametrize("by_header", [True, False])
async def test_a_body_over_the_limit_is_refused_unread(client, by_header):
    size_bytes = SETTINGS.max_upload_bytes + 1
    content = b"x" * size_bytes if by_header else chunks(size_bytes)
    answer = await client.post("/api/v1/upscale", content=content, headers={"Content-Type": MULTIPART})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.json()["limit"] == SETTINGS.max_upload_bytes
    assert answer.headers["connection"] == "close"
    assert_is_problem(answer)


async def test_an_endless_body_is_answered(connect):
    raw = connect()
    await raw.send(f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode())
    await raw.send(b"%x\r\n%b\r\n" % (len(FORM), FORM))
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"

    async def pour() -> None:
        while True:
            await raw.send(chunk)

    pouring = asyncio.create_task(pour())
    head = await asyncio.wait_for(raw.head(), PATIENCE_S)
    assert b" 413 " in head
    pouring.cancel()


async def test_more_bodies_than_fit_are_refused_without_a_file(monkeypatch, connect, client):
    announced = SETTINGS.max_upload_bytes
    head = f"{POST}Content-Length: {announced}\r\n\r\n"
    held = [connect() for _ in range(SETTINGS.max_bodies_bytes // announced)]
    for raw in held:
        await raw.send(head.encode() + FORM + bytes(announced // 2))
    await asyncio.sleep(0.2)
    with monkeypatch.context() as patch:
        patch.setattr(bodies, "FEW_BYTES", 0)
        patch.setattr(bodies, "SPOOL_BYTES", 0)
        patch.setattr(tempfile, "tempdir", "/nonexistent")
        refused = await client.post("/api/v1/upscale", files={"image": ("cat.png", png(1))})
    assert (refused.status_code, refused.json()["code"]) == (503, "too_many_uploads")
    assert refused.headers["retry-after"]
    for raw in held:
        raw.reset()
    await asyncio.sleep(0.1)
    assert (await client.post("/api/v1/upscale", files={"image": ("cat.png", png(1))})).status_code == 202


async def test_a_body_that_does_not_come_is_given_up(monkeypatch, connect):
    monkeypatch.setattr(bodies, "GRACE_S", 0.2)
    monkeypatch.setattr(exchange, "LINGER_S", 0.1)
    raw = connect()
    await raw.send(f"{POST}Content-Length: 1000\r\n\r\n".encode() + FORM)
    head = await asyncio.wait_for(raw.head(), PATIENCE_S)
    assert b" 408 " in head
    assert b"connection: close" in head.lower()


@pytest.mark.parametrize(("announced", "status"), [("0" * 5000, 400), ("0" * 5000 + "5", 400)])
async def test_a_length_of_thousands_of_digits_is_a_number_too(connect, announced, status):
    """The server's parser takes them; Python's `int` refuses more than 4,300."""
    raw = connect()
    await raw.send(f"{POST}Content-Length: {announced}\r\n\r\n12345".encode())
    assert f" {status} ".encode() in await asyncio.wait_for(raw.head(), PATIENCE_S)


async def test_what_serve_takes_from_headers_is_not_the_clients_to_say(storage, edge_store):
    seen = {}

    async def app(scope, _receive, send):
        seen.update(scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with (
        serving(Edge(app, edge_store)) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        told = {name.decode(): "1" for name in edge.STRIPPED} | {"X-Request-ID": "not an id"}
        await client.get("/api/v1/status/1", headers=told)
        assert not {b"x-request-id", *edge.STRIPPED} & set(seen)
        await client.get("/api/v1/limits", headers=[("X-Request-ID", "mine-1"), ("X-Request-ID", b"\xff job 1")])
        assert b"x-request-id" not in seen
        await client.get("/", headers={"X-Session-Id": b"\xff"})
        assert b"x-session-id" not in seen
        await client.get("/api/v1/status/1", headers={"X-Request-ID": "mine-1"})
        assert seen[b"x-request-id"] == b"mine-1"


@pytest.mark.parametrize("says", ["nothing", "its own words"])
async def test_what_serve_fails_to_answer_is_answered(edge_store, says):
    async def app(_scope, _receive, send):
        if says == "its own words":
            headers = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 500, "headers": headers})
            await send({"type": "http.response.body", "body": b"Internal Server Error, at /some/file.py"})

    async with (
        serving(Edge(app, edge_store)) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        answer = await client.get("/api/v1/status/1")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"]
    assert_is_problem(answer)


async def test_who_was_fast_may_not_pause_for_as_long_as_he_likes(monkeypatch, connect, client):
    monkeypatch.setattr(bodies, "GRACE_S", 0.2)
    monkeypatch.setattr(bodies, "MOST_GRACE_S", 0.4)
    raw = connect()
    announced = SETTINGS.max_upload_bytes
    await raw.send(f"{POST}Content-Length: {announced}\r\n\r\n".encode() + FORM + bytes(announced // 2))
    assert b" 408 " in await asyncio.wait_for(raw.head(), 5)  # by its bytes, it would have a quarter of a minute


@pytest.mark.parametrize("begin", [b"", FORM])
async def test_who_announces_a_body_and_hardly_sends_it_keeps_nobody_out(connect, client, begin):
    for method in ("POST", "GET", "PUT", "POST", "POST"):
        head = f"{method} /api/v1/upscale HTTP/1.1\r\nHost: t\r\nContent-Length: {SETTINGS.max_upload_bytes}\r\n\r\n"
        await connect().send(head.encode() + begin)
    await asyncio.sleep(0.1)
    assert (await client.post("/api/v1/upscale", files={"image": ("cat.png", png(1))})).status_code == 202


@pytest.mark.parametrize("path", ["/docs", "/nowhere", "/openapi.json"])
async def test_elsewhere_bodies_are_small(client, path):
    answer = await client.post(path, content=b"x" * 1000)
    assert answer.status_code in {404, 405}
    answer = await client.post(path, content=chunks(edge.ELSEWHERE_BYTES))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert_is_problem(answer)


async def test_where_a_body_cannot_be_spooled_it_is_refused_and_may_come_again(monkeypatch, client):
    monkeypatch.setattr(bodies, "SPOOL_BYTES", 100)
    monkeypatch.setattr(bodies, "FEW_BYTES", 100)
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    answer = await client.post("/api/v1/upscale", files={"image": ("cat.png", png(1, 100, 100))})
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert answer.headers["retry-after"]
    monkeypatch.undo()
    assert (await client.post("/api/v1/upscale", files={"image": ("cat.png", png(1))})).status_code == 202


@pytest.mark.parametrize("name", ["FEW_BYTES", "SPOOL_BYTES"])
async def test_a_body_is_held_in_memory_while_it_is_small_or_all_are(monkeypatch, client, name):
    monkeypatch.setattr(bodies, name, 100)
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    answer = await client.post("/api/v1/upscale", files={"image": ("cat.png", png(1, 100, 100))})
    assert answer.status_code == 202


async def test_a_large_body_is_held_on_disk_whatever_the_others_are(monkeypatch, client):
    monkeypatch.setattr(bodies, "LARGE_SPOOL_BYTES", 100)
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    answer = await client.post("/api/v1/upscale", files={"image": ("cat.png", png(1, 100, 100))})
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")


async def test_who_may_not_use_the_service_uploads_nothing(client, edge_store, store):
    edge_store.settings = replace(edge_store.settings, hosts=("localhost",), origins=("https://friend.example",))
    answer = await client.post("/api/v1/upscale", content=chunks(100_000), headers={"Content-Type": MULTIPART})
    assert (answer.status_code, answer.json()["code"]) == (400, "host_not_allowed")
    assert_is_problem(answer)
    headers = {"Content-Type": MULTIPART, "Host": "localhost", "Origin": "https://friend.example"}
    large = b"x" * (SETTINGS.max_upload_bytes + 1)
    answer = await client.post("/api/v1/upscale", content=large, headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (413, "https://friend.example")


async def test_who_has_no_key_uploads_nothing(client, edge_store):
    edge_store.settings = replace(edge_store.settings, keys=((hashlib.sha256(b"secret").hexdigest(), "alice"),))
    headers = {"Content-Type": MULTIPART}
    answer = await client.post("/api/v1/upscale", content=chunks(100_000), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert_is_problem(answer)
    answer = await client.post("/api/v1/upscale", content=FORM, headers=headers | {"Authorization": "Bearer secret"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_multipart")
