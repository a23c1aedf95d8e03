"""Which names the service answers to, and which web pages may talk to it."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from deployments.ingress.access import Access
from deployments.ingress.api import create_app
from tests.pictures import png
from tests.unit.deployments.conftest import assert_is_problem
from tests.unit.deployments.test_api import finish

pytestmark = pytest.mark.anyio
FRIEND, STRANGER = "https://friend.example", "https://stranger.example"


@pytest.fixture
async def client(backend):
    app = create_app(replace(backend, access=Access(("localhost", "[::1]", "*.example.com"), (FRIEND,))))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:8089") as client:
        yield client


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 404),
        ("localhost:8089", 404),
        ("LOCALHOST:1", 404),
        ("[::1]:8089", 404),
        ("[::1]", 404),
        ("a.example.com", 404),
        ("example.com", 400),
        ("evilexample.com", 400),
        ("localhost.evil.example", 400),
        ("evil.example:8089", 400),
        ("", 400),
        ("127.0.0.1", 400),
    ],
)
async def test_it_answers_to_its_names_only(client, host, status):
    answer = await client.get("/api/v1/status/1", headers={"Host": host})
    assert answer.status_code == status
    assert_is_problem(answer)
    assert answer.json()["code"] == ("job_not_found" if status == 404 else "host_not_allowed")


async def test_probes_know_no_name(client):
    assert (await client.get("/healthz", headers={"Host": "10.0.0.7:8089"})).status_code == 200


@pytest.mark.parametrize(
    "origin", [STRANGER, "null", "http://[x", "http://localhost:9000", "http://localhost.evil.example"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_pages_of_others_are_refused(client, store, origin, method):
    path = "/api/v1/upscale" if method == "POST" else "/api/v1/status/1"
    answer = await client.request(method, path, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert "access-control-allow-origin" not in answer.headers
    assert_is_problem(answer)


async def test_a_page_of_its_own_may_do_all(client):
    headers = {"Origin": "http://localhost:8089", "Sec-Fetch-Site": "same-origin"}
    answer = await client.post("/api/v1/upscale", files={"image": ("a.png", png(1))}, headers=headers)
    assert answer.status_code == 202


async def test_a_picture_on_a_foreign_page_uses_nothing_up(client, store):
    job_id = (await client.post("/api/v1/upscale", files={"image": ("a.png", png(1))})).json()["job_id"]
    await finish(store, job_id, b"result")
    answer = await client.get(f"/api/v1/download/{job_id}", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert (await client.get(f"/api/v1/download/{job_id}")).content == b"result"


async def test_a_friend_may_read_what_it_asks_for(client):
    answer = await client.get("/api/v1/status/1", headers={"Origin": FRIEND})
    assert answer.status_code == 404
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert answer.headers["vary"] == "Origin"
    assert "Retry-After" in answer.headers["access-control-expose-headers"]


async def test_the_preflight_of_a_friend_is_answered_and_that_of_a_stranger_is_not(client):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "idempotency-key"}
    answer = await client.options("/api/v1/upscale", headers={"Origin": FRIEND, **asked})
    assert (answer.status_code, answer.content) == (204, b"")
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert "Idempotency-Key" in answer.headers["access-control-allow-headers"]
    assert (await client.options("/api/v1/upscale", headers={"Origin": STRANGER, **asked})).status_code == 403
