"""Keys: without one nothing is answered, and another's job does not exist."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

import httpx
import pytest
import yaml
from pydantic import ValidationError

from deployments.errors import ConfigurationError
from deployments.ingress.api import create_app
from deployments.ingress.keys import Key, KeyRing
from deployments.jobs.messages import Client
from deployments.settings import AccessSettings
from tests.pictures import png
from tests.unit.deployments.conftest import FakeClock, assert_is_problem
from tests.unit.deployments.test_api import finish

pytestmark = pytest.mark.anyio
ALICE, BOB = {"Authorization": "Bearer a-secret"}, {"X-API-Key": "b-secret"}


def key(secret: str, **limits: float) -> Key:
    return Key(hashlib.sha256(secret.encode()).hexdigest(), Client(secret[0], **limits))


@pytest.fixture
async def client(backend):
    keys = KeyRing([key("a-secret", max_jobs=2, max_bytes=300_000), key("b-secret", per_minute=3)])
    transport = httpx.ASGITransport(create_app(replace(backend, keys=keys)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def submit(client, who: dict[str, str], **headers: str) -> httpx.Response:
    return await client.post("/api/v1/upscale", files={"image": ("a.png", png(1))}, headers=who | headers)


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic a-secret"}, {"X-API-Key": ""}, {"X-API-Key": "é"}],
)
@pytest.mark.parametrize("path", ["/api/v1/status/1", "/api/v1/download/1", "/api/v1/models", "/api/v1/limits"])
async def test_without_a_key_nothing_is_told(client, headers, path):
    answer = await client.get(path, headers={name: value.encode() for name, value in headers.items()})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert_is_problem(answer)


@pytest.mark.parametrize("keys", [[key("b-secret")], []])
async def test_those_without_a_key_share_what_they_may_have(backend, keys):
    ring = KeyRing(keys, nobody=Client(max_jobs=1))
    assert not ring.is_needed
    transport = httpx.ASGITransport(create_app(replace(backend, keys=ring)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        first = await submit(client, {})
        assert first.status_code == 202
        assert (await submit(client, {})).json()["code"] == "too_many_jobs"
        path = first.json()["status_url"]
        assert (await client.get(path)).status_code == 200
        if keys:
            assert (await submit(client, BOB)).status_code == 202
            assert (await client.get(path, headers=BOB)).status_code == 404
            assert (await client.get(path, headers={"X-API-Key": "wrong"})).status_code == 401


async def test_probes_and_the_description_need_none(client):
    for path in ("/healthz", "/openapi.json", "/docs"):
        assert (await client.get(path)).status_code == 200


async def test_anothers_job_is_as_unknown_as_one_that_never_was(client, store):
    job_id = (await submit(client, ALICE)).json()["job_id"]
    for method, kind in (("GET", "status"), ("DELETE", "status"), ("GET", "download"), ("HEAD", "download")):
        theirs = await client.request(method, f"/api/v1/{kind}/{job_id}", headers=BOB | {"X-Request-ID": "r"})
        nobodys = await client.request(method, f"/api/v1/{kind}/1", headers=BOB | {"X-Request-ID": "r"})
        assert (theirs.status_code, theirs.content) == (404, nobodys.content)
    await finish(store, job_id, b"result")
    assert (await client.get(f"/api/v1/status/{job_id}?wait=1", headers=BOB)).status_code == 404
    events = BOB | {"Accept": "text/event-stream"}
    assert (await client.get(f"/api/v1/status/{job_id}", headers=events)).status_code == 404
    assert (await client.get(f"/api/v1/download/{job_id}", headers=BOB)).status_code == 404
    assert (await client.get(f"/api/v1/download/{job_id}", headers=ALICE)).content == b"result"


async def test_the_same_idempotency_key_of_two_clients_are_two_jobs(client):
    first = await submit(client, ALICE, **{"Idempotency-Key": "k"})
    second = await submit(client, BOB, **{"Idempotency-Key": "k"})
    assert first.json()["job_id"] != second.json()["job_id"]


async def test_a_key_at_its_limit_is_told_so_and_another_is_served(client, store):
    job_ids = [(await submit(client, ALICE)).json()["job_id"] for _ in range(2)]
    refused = await submit(client, ALICE)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_jobs")
    assert refused.headers["retry-after"]
    assert_is_problem(refused)
    assert (await submit(client, BOB)).status_code == 202
    await finish(store, job_ids[0], b"x" * 250_000)
    refused = await submit(client, ALICE)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_bytes")
    await client.delete(f"/api/v1/status/{job_ids[0]}", headers=ALICE)
    assert (await submit(client, ALICE)).status_code == 202


async def test_who_comes_too_fast_is_told_when_to_come_again(client, clock: FakeClock):
    for _ in range(3):
        assert (await submit(client, BOB)).status_code == 202
    refused = await submit(client, BOB)
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (429, "too_fast", "20")
    clock.advance(20)
    assert (await submit(client, BOB)).status_code == 202
    assert (await submit(client, BOB)).status_code == 429


def test_keys_come_from_a_file_too(tmp_path):
    path = tmp_path / "keys.yaml"
    path.write_text(yaml.safe_dump([{"name": "alice", "sha256": "0" * 64, "max_jobs": 3}]))
    settings = AccessSettings(keys_file=path).with_keys_of_the_file()
    assert [(found.name, found.max_jobs) for found in settings.keys] == [("alice", 3)]
    assert settings.keys_file is None


@pytest.mark.parametrize("content", ["[]", "{", "a: 1", "- name: a", "- {name: a, sha256: xyz}", None])
def test_a_file_that_holds_no_keys_is_an_error(tmp_path, content):
    path = tmp_path / "keys.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match="no list of keys"):
        AccessSettings(keys_file=path).with_keys_of_the_file()


@pytest.mark.parametrize(
    "content", ["- {name: a, sha256: SECRET}", "- {name: a, key: SECRET}", "- SECRET: {", "\tSECRET"]
)
def test_a_key_that_stands_where_its_digest_should_is_not_repeated(tmp_path, content):
    (path := tmp_path / "keys.yaml").write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        AccessSettings(keys_file=path).with_keys_of_the_file()
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_two_keys_of_one_name_are_an_error():
    key = {"name": "a", "sha256": "0" * 64}
    with pytest.raises(ValidationError):
        AccessSettings(keys=[key, key | {"sha256": "1" * 64}])


async def test_the_limit_holds_for_those_who_come_at_once(client, store):
    answers = await asyncio.gather(*(submit(client, ALICE) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [202] * 2 + [429] * 8
    assert store.table.workload.depth().queued == 2
