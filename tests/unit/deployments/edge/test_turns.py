"""Bodies go on to the application in turn, and keep nobody waiting for longer than that takes."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from deployments.edge import bodies
from deployments.edge.edge import Edge
from tests.unit.deployments.edge.clients import PATIENCE_S, serving

pytestmark = pytest.mark.anyio


async def test_bodies_take_turns_by_their_bytes(monkeypatch):
    monkeypatch.setattr(bodies, "REPLAYED_BYTES", 100)
    monkeypatch.setattr(bodies, "TURN_S", 0.05)
    replays = bodies.Replays()
    assert await replays.enter(500)  # whatever is alone
    assert not await replays.enter(10)
    replays.leave(500)
    assert await replays.enter(60)
    assert await replays.enter(40)
    assert not await replays.enter(1)
    replays.leave(40)
    assert await replays.enter(1)


async def test_pieces_are_large_only_while_few_bytes_are_on_their_way():
    replays = bodies.Replays()
    assert await replays.enter(bodies.FEW_BYTES)
    assert replays.piece_bytes == bodies.LARGE_BYTES
    assert await replays.enter(1)
    assert replays.piece_bytes == bodies.REPLAY_BYTES


async def test_a_request_without_a_body_waits_for_no_body(edge_store):
    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    edge = Edge(app, edge_store)
    assert await edge.replays.enter(1 << 30)  # somebody is at it
    async with serving(edge) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/api/v1/status/1", timeout=5)).status_code == 404


async def test_an_answer_that_is_long_in_coming_keeps_no_body_waiting(monkeypatch, edge_store):
    monkeypatch.setattr(bodies, "SETTLES_S", 0.05)
    monkeypatch.setattr(bodies, "REPLAYED_BYTES", 100)
    slow, answering = asyncio.Event(), []

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        answering.append(scope["path"])
        if scope["path"].endswith("slow"):
            await slow.wait()
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    edge = Edge(app, edge_store)
    async with serving(edge) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        waiting = asyncio.create_task(client.post("/api/v1/slow", content=b"x" * 1000))
        async with asyncio.timeout(PATIENCE_S):
            while not answering:
                await asyncio.sleep(0.01)
        assert edge.budget.held_bytes == 0
        assert (await client.post("/api/v1/fast", content=b"x" * 1000, timeout=PATIENCE_S)).status_code == 404
        slow.set()
        await waiting
