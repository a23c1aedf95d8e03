"""Connections that do not come to the point, on a real server."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from uvicorn.config import HTTP_PROTOCOLS

from deployments.edge import callback, patience
from tests.unit.deployments.edge.clients import PATIENCE_S

pytestmark = pytest.mark.anyio

GET = b"GET /healthz HTTP/1.1\r\nHost: test\r\n"


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Before the server starts, as Serve's proxy does it."""
    monkeypatch.setitem(HTTP_PROTOCOLS, "auto", HTTP_PROTOCOLS["auto"])
    monkeypatch.setattr(patience, "HEAD_S", 0.3)
    callback.middlewares()


async def ended(raw) -> None:
    """Wait until the server has closed the connection, in time."""
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(OSError):
            while await raw.read(1):
                pass


@pytest.mark.parametrize("begin", [b"", GET, b"G"])
async def test_a_request_that_does_not_come_is_given_up(port, connect, begin):
    raw = connect()
    await raw.send(begin)
    await ended(raw)


async def test_who_sends_a_head_byte_by_byte_has_no_more_time(port, connect):
    raw = connect()

    async def trickle() -> None:
        for byte in GET + b"X-Slow: " + b"x" * 1000:
            await raw.send(bytes([byte]))
            await asyncio.sleep(0.05)

    trickling = asyncio.create_task(trickle())
    await ended(raw)
    trickling.cancel()
    await asyncio.gather(trickling, return_exceptions=True)


async def test_a_second_request_on_a_connection_has_as_long(port, connect):
    raw = connect()
    await raw.send(GET + b"\r\n")
    assert b" 200 " in await raw.head()
    await raw.send(GET)
    await ended(raw)


async def test_a_head_without_end_is_not_kept(monkeypatch, port, connect):
    monkeypatch.setattr(patience, "HEAD_S", 60)
    raw = connect()

    async def pour() -> None:
        await raw.send(GET + b"X-Long: ")
        while True:
            await raw.send(b"x" * 8192)

    with pytest.raises(OSError):  # noqa: PT011 - a reset, or a broken pipe
        await asyncio.wait_for(pour(), PATIENCE_S)


async def test_a_request_that_is_being_answered_has_its_time(port, connect, client):
    raw = connect()
    await raw.send(b"POST /api/v1/upscale HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n")
    await asyncio.sleep(0.6)
    await raw.send(b"x" * 1000)
    assert b" 415 " in await asyncio.wait_for(raw.head(), PATIENCE_S)
    for _ in range(4):  # and so does a connection that is used again and again
        assert (await client.get("/healthz")).status_code == 200
        await asyncio.sleep(0.2)
