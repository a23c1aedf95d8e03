"""Submissions whose fate the store did not tell: whatever it was, nothing is left of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from deployments.errors import StoreUnavailableError
from deployments.ingress.api import create_app
from tests.pictures import png

pytestmark = pytest.mark.anyio


async def test_a_submission_whose_answer_from_the_store_is_lost_does_not_live_on(client, backend, store, storage):
    class Forgetful:
        """A store that takes a job and dies before it says so."""

        def __getattr__(self, name):
            return getattr(store, name)

        async def submit(self, job_id, order, *_rest):
            await store.submit(job_id, order)
            raise StoreUnavailableError("the job store is not there")

    app = create_app(replace(backend, store=Forgetful()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.post("/api/v1/upscale", files={"image": ("a.png", png(1))})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    async with asyncio.timeout(10):
        while await storage.folders():
            await asyncio.sleep(0.01)
    assert store.table.workload.depth().queued == 0


async def test_a_submission_that_the_store_never_heard_of_leaves_nothing(backend, store, storage):
    class Deaf:
        def __getattr__(self, name):
            return getattr(store, name)

        async def submit(self, job_id, order, *_rest):
            raise StoreUnavailableError("the job store is not there")

    app = create_app(replace(backend, store=Deaf()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.post("/api/v1/upscale", files={"image": ("a.png", png(1))})).status_code == 503
    async with asyncio.timeout(10):
        while await storage.folders():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("heard", [True, False])
async def test_with_a_key_a_client_comes_again_and_finds_its_job(backend, store, heard):
    """That is what the key is for: nothing is cancelled meanwhile, and the key is free."""

    class OutForAMoment:
        """Says nothing the first time, whether it has heard or not."""

        def __init__(self):
            self.said = set()

        def __getattr__(self, name):
            async def call(*args, **options):
                fails = name in {"submit", "begin_upload"} and name not in self.said
                self.said.add(name)
                answer = await getattr(store, name)(*args, **options) if heard or not fails else None
                if fails:
                    raise StoreUnavailableError("the job store is not there")
                return answer

            return call

    app = create_app(replace(backend, store=OutForAMoment()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answers = []
        async with asyncio.timeout(20):
            while not answers or answers[-1].status_code != 202:
                files = {"image": ("a.png", png(1))}
                answers.append(await client.post("/api/v1/upscale", files=files, headers={"Idempotency-Key": "k"}))
                await asyncio.sleep(0.05)
    assert {answer.status_code for answer in answers[:-1]} <= {503, 409}
    assert ("idempotent-replayed" in answers[-1].headers) == heard
    assert store.table.workload.depth().queued == 1
