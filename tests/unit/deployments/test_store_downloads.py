"""JobStore: of many downloads one gets the result, and the store hears how it went."""

from __future__ import annotations

import asyncio

import pytest

from deployments.jobs.messages import DownloadGrant, Refusal
from tests.unit.deployments.test_store import finished, reopened

pytestmark = pytest.mark.anyio


async def test_a_download_that_outlives_the_store_is_consumed(store, clock):
    job_id = await finished(store)
    grant = await store.lease_download(job_id)
    store = await reopened(store, clock)
    await store.end_download(job_id, grant.lease_id, "delivered")
    assert (await store.status(job_id))["result"] == "downloaded"
    await store.close()


async def test_a_second_download_hears_how_the_first_ends(store):
    job_id = await finished(store)
    first = await store.lease_download(job_id)
    second = asyncio.create_task(store.lease_download(job_id))
    await asyncio.sleep(0)
    await store.end_download(job_id, first.lease_id, "delivered")
    assert await second == Refusal("already_downloaded")


async def test_a_kept_result_stays(store):
    job_id = await finished(store)
    grant = await store.lease_download(job_id)
    await store.end_download(job_id, grant.lease_id, "kept")
    assert (await store.status(job_id))["result"] == "available"


async def test_an_aborted_download_can_be_repeated(store):
    job_id = await finished(store)
    first = await store.lease_download(job_id)
    assert await store.lease_download(job_id) == Refusal("download_in_progress")
    await store.end_download(job_id, first.lease_id, "aborted")
    second = await store.lease_download(job_id)
    assert isinstance(second, DownloadGrant)
    await store.end_download(job_id, first.lease_id, "delivered")  # the word of an old lease
    assert (await store.status(job_id))["result"] == "downloading"
