"""From one life of a store to the next."""

from __future__ import annotations

import asyncio

import pytest

from deployments.jobs.policy import Policy
from deployments.jobs.store import JobStore
from tests.unit.deployments.test_store import reopened, submitted

pytestmark = pytest.mark.anyio


async def test_a_new_life_finds_jobs_in_their_order_and_knows_how_long_they_have_waited(store, clock):
    submissions = []
    for _ in range(4):
        submissions.append(await submitted(store))
        clock.advance(1)
    first, second, third, fourth = submissions
    for job_id in (first, second):
        grant = await store.lease("holder", 0.0, 1.0)
        assert grant.job_id == job_id
    for job_id in (second, first):
        await store.release(job_id, 1)
    clock.advance(60)
    again = await reopened(store, clock)
    assert clock.monotonic() - again.table.workload.waiting_since() >= 60
    found = [(await again.lease(f"holder {n}", 0.0, 1.0)).job_id for n in range(4)]
    await again.close()
    assert found == [first, second, third, fourth]


async def test_a_store_that_is_closed_accepts_nothing_and_what_it_accepted_is_there(store, clock):
    submitting = [asyncio.ensure_future(submitted(store)) for _ in range(20)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(store.close())
    ends = await asyncio.gather(*submitting, closing, return_exceptions=True)
    accepted = {job_id for job_id in ends if isinstance(job_id, str)}
    again = JobStore(store.storage, Policy(), clock)
    await again.start()
    assert {job_id for job_id in accepted if again.table.find(job_id)} == accepted
    await again.close()
