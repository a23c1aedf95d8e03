"""A submission that is repeated with the same key is one job, also across a restart of the store."""

from __future__ import annotations

import asyncio

import pytest

from deployments.jobs.policy import Policy
from deployments.jobs.repeats import UPLOAD_S, Repeats
from deployments.jobs.store import JobStore
from tests.pictures import png
from tests.unit.deployments.conftest import FakeClock, assert_is_problem
from tests.unit.deployments.test_api import finish

pytestmark = pytest.mark.anyio


async def submit(client, key: str, seed: int = 1, **fields: str):
    form = {"files": {"image": ("a.png", png(seed))}, "data": fields}
    return await client.post("/api/v1/upscale", headers={"Idempotency-Key": key}, **form)


async def test_the_same_again_is_the_same_job(client, store, storage):
    first, second = await submit(client, "k1"), await submit(client, "k1")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["job_id"] == second.json()["job_id"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert store.table.workload.depth().queued == 1
    assert set(await storage.folders()) == {first.json()["job_id"]}
    assert (await submit(client, "k2")).json()["job_id"] != first.json()["job_id"]


async def test_it_lasts_as_long_as_the_record(client, store, clock):
    job_id = (await submit(client, "k1")).json()["job_id"]
    await finish(store, job_id, b"result")
    await client.get(f"/api/v1/download/{job_id}")
    assert (await submit(client, "k1")).json()["job_id"] == job_id
    clock.advance(Policy().tombstone_ttl_s + 1)
    await store._sweeper.sweep()
    assert (await submit(client, "k1")).json()["job_id"] != job_id


async def test_it_outlives_the_store(client, store, storage, backend, clock):
    job_id = (await submit(client, "k1")).json()["job_id"]
    await store.close()
    again = JobStore(storage, Policy(), clock)
    await again.start()
    assert set(again.table._jobs) == {job_id}
    record = again.table.find(job_id).record
    assert again.table.repeats.job_of(record.idempotency) == job_id
    await again.close()


@pytest.mark.parametrize(("seed", "fields"), [(2, {}), (1, {"scale": "2"}), (1, {"format": "webp"})])
async def test_for_something_else_it_is_refused(client, store, seed, fields):
    await submit(client, "k1")
    answer = await submit(client, "k1", seed, **fields)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert_is_problem(answer)
    assert store.table.workload.depth().queued == 1


@pytest.mark.parametrize("key", ["", "with space", "x" * 256])
async def test_what_is_no_key_is_refused(client, key):
    answer = await submit(client, key)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert_is_problem(answer)


async def test_while_the_first_uploads_the_second_is_told_to_come_again(client):
    body_goes_on = asyncio.Event()

    async def slow():
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        await body_goes_on.wait()
        yield png(1) + b"\r\n--x--\r\n"

    headers = {"Idempotency-Key": "k1", "Content-Type": "multipart/form-data; boundary=x"}
    first = asyncio.ensure_future(client.post("/api/v1/upscale", content=slow(), headers=headers))
    await asyncio.sleep(0.1)
    second = await submit(client, "k1")
    assert (second.status_code, second.json()["code"]) == (409, "upload_in_progress")
    assert second.headers["retry-after"]
    body_goes_on.set()
    assert (await first).status_code == 202
    await asyncio.sleep(0.05)
    assert (await submit(client, "k1")).json()["job_id"] == (await first).json()["job_id"]


async def test_many_at_once_are_one_job(client, store):
    answers = await asyncio.gather(*(submit(client, "k1") for _ in range(10)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["job_id"] for answer in answers if answer.status_code == 202}) == 1
    assert store.table.workload.depth().queued == 1


async def test_a_refused_upload_leaves_its_key_free(client):
    headers = {"Idempotency-Key": "k1"}
    answer = await client.post("/api/v1/upscale", files={"image": ("a", b"text")}, headers=headers)
    assert answer.status_code == 415
    await asyncio.sleep(0.05)
    assert (await submit(client, "k1")).status_code == 202


def test_a_reservation_that_nobody_ends_runs_out():
    clock = FakeClock()
    repeats = Repeats(clock)
    assert repeats.begin("k1")
    assert not repeats.begin("k1")
    clock.advance(UPLOAD_S + 1)
    assert repeats.begin("k2")
    assert repeats.begin("k1")
    repeats.end("k1")
    assert repeats.begin("k1")
