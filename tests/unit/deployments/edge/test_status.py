"""What the edge says of a job is what the Ingress says, to the letter; all else it leaves to it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import httpx
import pytest

from deployments.edge.edge import Edge
from deployments.errors import StoreUnavailableError
from deployments.ingress.api import create_app
from deployments.ingress.keys import Key, KeyRing
from deployments.jobs.messages import Client
from deployments.jobs.record import new_job_id
from tests.unit.deployments.conftest import an_order
from tests.unit.deployments.edge.clients import PATIENCE_S, serving
from tests.unit.deployments.test_store import finished, submitted

pytestmark = pytest.mark.anyio

ASKED = {"X-Request-ID": "r-1", "Host": "localhost"}


class Nobody:
    """An application that must not be asked, and says when it was."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def __call__(self, scope, receive, send) -> None:
        self.asked.append((scope["method"], scope["path"]))
        await send({"type": "http.response.start", "status": 299, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def nobody() -> Nobody:
    return Nobody()


@pytest.fixture
async def at_the_edge(nobody, edge_store):
    async with (
        serving(Edge(nobody, edge_store)) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client,
    ):
        yield client


@pytest.fixture
async def at_the_ingress(backend):
    transport = httpx.ASGITransport(create_app(backend))
    async with httpx.AsyncClient(base_url="http://localhost", transport=transport) as client:
        yield client


async def test_both_say_the_same(store, at_the_edge, at_the_ingress, nobody):
    done, waiting = await finished(store), await submitted(store)
    for job_id in (waiting, done, new_job_id()):
        ours, theirs = [
            await client.get(f"/api/v1/status/{job_id}", headers=ASKED) for client in (at_the_edge, at_the_ingress)
        ]
        assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)
        names = {name for name in (*ours.headers, *theirs.headers) if name not in ("date", "server")}
        assert {name: ours.headers.get(name) for name in names} == {name: theirs.headers.get(name) for name in names}
    assert not nobody.asked


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "GET", "url": "?wait=1"},
        {"method": "GET", "url": "?"},
        {"method": "GET", "url": "", "headers": {"Prefer": "wait=1"}},
        {"method": "GET", "url": "", "headers": {"Accept": "text/event-stream"}},
        {"method": "DELETE", "url": ""},
        {"method": "HEAD", "url": ""},
        {"method": "OPTIONS", "url": ""},
        {"method": "GET", "url": "/more"},
        {"method": "GET", "url": "", "content": b"a body"},
    ],
    ids=lambda request_: " ".join(map(str, request_.values())),
)
async def test_all_else_is_the_applications(store, at_the_edge, nobody, request_):
    job_id = await submitted(store)
    call = {**request_, "url": f"/api/v1/status/{job_id}{request_['url']}"}
    if call["url"].endswith("?"):  # an empty query is none
        call["url"] += "x=y"
    await at_the_edge.request(**call)
    assert len(nobody.asked) == 1


async def test_a_job_is_its_keys(store, edge_store, at_the_edge, nobody, backend, at_the_ingress):
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("alice", "bob")}
    edge_store.settings = replace(edge_store.settings, keys=tuple((digest, name) for name, digest in digests.items()))
    job_id = new_job_id()
    await store.submit(job_id, an_order(), None, Client("alice"))
    address = f"/api/v1/status/{job_id}"
    codes = [
        (await at_the_edge.get(address, headers={"X-API-Key": key} if key else {})).status_code
        for key in ("alice", "bob", "eve", None)
    ]
    assert codes == [200, 404, 401, 401]
    assert not nobody.asked
    keys = KeyRing(Key(digest, Client(name)) for name, digest in digests.items())
    assert keys.client(httpx.Headers({"X-API-Key": "bob"})).name == "bob"  # by whom the Ingress would ask, too


async def test_a_store_that_is_away_is_no_bug(edge_store, at_the_edge, monkeypatch):
    async def away(_):
        raise StoreUnavailableError("away")

    assert (await at_the_edge.get(f"/api/v1/status/{new_job_id()}")).status_code == 404
    monkeypatch.setattr(edge_store, "statuses", away)
    async with serving(Edge(Nobody(), edge_store)) as port, httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/api/v1/status/{new_job_id()}")
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
    assert answer.headers["retry-after"] == "2"
