"""What nginx ends or refuses by itself, in front of a service that says nothing, or is not there."""

from __future__ import annotations

import asyncio
import contextlib
import time

import httpx
import pytest

from tests.deploy.proxy import needs_nginx, proxying
from tests.ports import free_port
from tests.unit.deployments.conftest import assert_is_problem
from tests.unit.deployments.edge.clients import PATIENCE_S, RawClient, serving

pytestmark = [pytest.mark.anyio, needs_nginx]

HEADER_S, BODY_S, LATE_S = 10.0, 35.0, 20.0
"""The timeouts of upscaler.conf, and how much later a loaded machine may be."""
MAX_CONNECTIONS = 64


class Deaf:
    """Takes requests and never answers, but for `/echo`, which says what it was asked with."""

    async def __call__(self, scope, receive, send) -> None:
        if scope["path"] == "/echo":
            await send({"type": "http.response.start", "status": 200, "headers": scope["headers"]})
            await send({"type": "http.response.body", "body": b""})
            return
        while (await receive())["type"] != "http.disconnect":
            pass


@pytest.fixture
async def deaf(tmp_path):
    async with serving(Deaf()) as upstream_port:
        with proxying(tmp_path / "nginx", upstream_port) as port:
            yield port


@pytest.fixture
def absent(tmp_path):
    with proxying(tmp_path / "nginx", free_port()) as port:
        yield port


async def ended_after(raw: RawClient, begin: bytes, drop: bytes) -> float:
    """Seconds until the connection is closed on one who sends `begin`, and then `drop` twice a second."""
    started_at = time.monotonic()
    await raw.send(begin)

    async def trickle() -> None:
        while drop:
            await asyncio.sleep(0.5)
            await raw.send(drop)

    trickling = asyncio.create_task(trickle())
    with contextlib.suppress(OSError):
        while await raw.read(1):
            pass
    trickling.cancel()
    await asyncio.gather(trickling, return_exceptions=True)
    return time.monotonic() - started_at


@pytest.mark.timeout(120)
async def test_a_slow_header_and_a_body_that_stops_are_cut_off(deaf):
    """Both at once, since it takes as long as it takes."""
    header, body = RawClient(deaf), RawClient(deaf)
    post = b"POST /api/v1/upscale HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx"
    header_s, body_s = await asyncio.gather(
        ended_after(header, b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"x"), ended_after(body, post, b"")
    )
    header.close()
    body.close()
    assert HEADER_S - 1 < header_s < HEADER_S + LATE_S
    assert BODY_S - 1 < body_s < BODY_S + LATE_S


async def test_a_service_that_is_not_there_is_said_in_our_words(absent):
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        answer = await client.get(f"http://127.0.0.1:{absent}/api/v1/status/1", headers={"X-Request-ID": "mine-2"})
        again = await client.get(f"http://127.0.0.1:{absent}/", headers={"X-Request-ID": "not an id"})
    assert (answer.status_code, answer.json()["code"]) == (502, "bad_gateway")
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["instance"] == "mine-2"
    assert_is_problem(answer)
    assert_is_problem(again)
    assert again.json()["instance"] != "not an id"


async def test_what_a_client_says_of_itself_is_not_passed_on(deaf):
    forged = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "Host": "upscaler.example:99"}
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        seen = (await client.get(f"http://127.0.0.1:{deaf}/echo", headers=forged)).headers
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert seen["host"] == seen["x-forwarded-host"] == "upscaler.example:99"


async def test_one_address_has_so_many_connections(deaf):
    held = [RawClient(deaf) for _ in range(MAX_CONNECTIONS)]
    for raw in held:
        await raw.get("/held")
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        async with asyncio.timeout(PATIENCE_S):
            while (answer := await client.get(f"http://127.0.0.1:{deaf}/echo")).status_code == 200:
                await asyncio.sleep(0.05)  # not all of them have been read yet
    for raw in held:
        raw.close()
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_connections")
    assert_is_problem(answer)
