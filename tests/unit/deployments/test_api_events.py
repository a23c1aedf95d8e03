"""Following a job: events, and questions that travel together."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import httpx
import pytest

from deployments import batching
from deployments.batching import Batched
from deployments.errands import Errands
from deployments.errors import StoreUnavailableError
from deployments.ingress import events
from deployments.ingress.api import create_app
from deployments.ingress.slots import Slots
from deployments.jobs.messages import Report
from tests.pictures import png
from tests.unit.deployments.conftest import assert_is_problem
from tests.unit.deployments.test_api import finish

pytestmark = pytest.mark.anyio
ACCEPT = {"Accept": "text/event-stream"}


async def submitted(client) -> str:
    answer = await client.post("/api/v1/upscale", files={"image": ("a.png", png(1))})
    return str(answer.json()["job_id"])


def parsed(text: str) -> list[tuple[str, dict]]:
    """Names and data of the events, comments and `retry` left out."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


async def test_a_job_is_followed_to_its_end(client, store, monkeypatch):
    monkeypatch.setattr(events, "LOOK_S", 0.01)
    job_id = await submitted(client)
    following = asyncio.ensure_future(client.get(f"/api/v1/status/{job_id}", headers=ACCEPT))
    await asyncio.sleep(0.1)
    grant = await store.lease("holder", 0.0, 1.0)
    await store.report({job_id: Report(grant.fence, 40)})
    await asyncio.sleep(0.1)
    assert await store.fail(job_id, grant.fence, "invalid_image", "damaged")
    answer = await following
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    named = parsed(answer.text)
    assert [name for name, _ in named[:-1]] == ["progress"] * (len(named) - 1)
    progress = [data["progress"] for name, data in named if name == "progress"]
    assert (progress[0], progress[-1]) == (0, 40)
    assert progress == sorted(progress)
    assert named[-1][0] == "failed"
    assert named[-1][1]["error_code"] == "invalid_image"
    assert answer.text.startswith("retry: ")


async def test_of_a_job_that_has_ended_there_is_one_event(client, store):
    job_id = await submitted(client)
    await finish(store, job_id, b"result")
    answer = await client.get(f"/api/v1/status/{job_id}", headers={"Accept": "text/html, text/event-stream;q=0.9"})
    assert [name for name, _ in parsed(answer.text)] == ["completed"]


async def test_silence_is_broken_by_comments(client, store, monkeypatch):
    monkeypatch.setattr(events, "LOOK_S", 0.01)
    monkeypatch.setattr(events, "COMMENT_S", 0.03)
    monkeypatch.setattr(events, "MOST_S", 0.3)
    answer = await client.get(f"/api/v1/status/{await submitted(client)}", headers=ACCEPT)
    assert [name for name, _ in parsed(answer.text)] == ["progress"]
    assert "\n\n: still there\n\n" in answer.text


async def test_a_store_that_is_away_for_a_moment_ends_nothing(client, store, monkeypatch):
    monkeypatch.setattr(events, "LOOK_S", 0.01)
    job_id = await submitted(client)
    following = asyncio.ensure_future(client.get(f"/api/v1/status/{job_id}", headers=ACCEPT))
    await asyncio.sleep(0.05)
    store.trouble = "away"
    await asyncio.sleep(0.1)
    store.trouble = None
    await finish(store, job_id, b"result")
    assert [name for name, _ in parsed((await following).text)][-1] == "completed"


async def test_an_unknown_job_has_no_events(client):
    answer = await client.get("/api/v1/status/1", headers=ACCEPT)
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert_is_problem(answer)


async def test_who_comes_beyond_the_slots_is_answered_at_once(backend, store):
    transport = httpx.ASGITransport(create_app(replace(backend, max_waiting=0)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client, asyncio.timeout(5):
        job_id = await submitted(client)
        answer = await client.get(f"/api/v1/status/{job_id}", headers=ACCEPT)
        assert [name for name, _ in parsed(answer.text)] == ["progress"]
        assert (await client.get(f"/api/v1/status/{job_id}?wait=30")).json()["status"] == "processing"


def test_slots_are_given_back():
    slots = Slots(1)
    with slots.one() as first, slots.one() as second:
        assert (first, second) == (True, False)
    with slots.one() as third:
        assert third


async def test_questions_that_come_together_travel_together():
    calls: list[list[str]] = []
    go_on = asyncio.Event()

    async def fetch(job_ids):
        calls.append(job_ids)
        await go_on.wait()
        return [None if job_id == "x" else {"job_id": job_id} for job_id in job_ids]

    batched = Batched(fetch, Errands())
    first = asyncio.ensure_future(batched.get("a"))
    await asyncio.sleep(0)
    rest = [asyncio.ensure_future(batched.get(job_id)) for job_id in ("b", "c", "b", "x")]
    await asyncio.sleep(0)
    rest[0].cancel()  # its client has left; another waits for the same
    go_on.set()
    assert await first == {"job_id": "a"}
    assert await asyncio.gather(*rest[1:]) == [{"job_id": "c"}, {"job_id": "b"}, None]
    assert calls == [["a"], ["b", "c", "x"]]


async def test_a_question_that_fails_fails_for_those_who_asked_it():
    async def fetch(job_ids):
        if "bad" in job_ids:
            raise StoreUnavailableError("away")
        return [{"job_id": job_id} for job_id in job_ids]

    batched = Batched(fetch, Errands())
    with pytest.raises(StoreUnavailableError):
        await batched.get("bad")
    assert await batched.get("good") == {"job_id": "good"}


@pytest.mark.parametrize(
    "accept", ["application/json", "text/event-stream;q=0, application/json", "text/event-stream; q=0.00"]
)
async def test_who_does_not_want_events_gets_none(client, accept):
    answer = await client.get(f"/api/v1/status/{await submitted(client)}", headers={"Accept": accept})
    assert answer.json()["status"] == "processing"


async def test_those_who_all_come_back_do_not_wait_for_more(monkeypatch):
    monkeypatch.setattr(batching, "GATHER_S", 3600)

    async def fetch(job_ids):
        await asyncio.sleep(0)
        return [{"job_id": job_id} for job_id in job_ids]

    batched = Batched(fetch, Errands())
    async with asyncio.timeout(60):
        for _ in range(3):
            await asyncio.gather(*map(batched.get, ("a", "b", "c")))
