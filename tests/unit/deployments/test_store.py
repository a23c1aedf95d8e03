"""JobStore: nobody is told what is not in storage, and a new life takes up where the old one ended."""

from __future__ import annotations

import asyncio
import hashlib
import io

import pytest

from deployments.errors import StorageError, StoreUnavailableError
from deployments.jobs.endings import MAX_WAITING
from deployments.jobs.messages import Acceptance, DownloadGrant, Refusal, Report
from deployments.jobs.policy import Policy
from deployments.jobs.record import JobRecord, Result, State, new_job_id
from deployments.jobs.store import JobStore
from deployments.jobs.sweep import TIDY_S
from deployments.storage.storage import JobStorage
from tests.unit.deployments.conftest import an_order

pytestmark = pytest.mark.anyio


async def submitted(store: JobStore, data: bytes = b"input") -> str:
    job_id = new_job_id()
    await store.storage.put_input(job_id, io.BytesIO(data))
    assert isinstance(await store.submit(job_id, an_order()), Acceptance)
    return job_id


async def finished(store: JobStore, data: bytes = b"result") -> str:
    job_id = await submitted(store)
    grant = await store.lease("holder", 0.0, 1.0)
    assert grant is not None
    assert grant.job_id == job_id
    name = await store.storage.put_result(job_id, grant.fence, io.BytesIO(data))
    assert await store.complete(job_id, grant.fence, Result(name, len(data), hashlib.sha256(data).hexdigest()))
    return job_id


async def records(storage: JobStorage) -> dict[str, JobRecord]:
    return {job_id: JobRecord.from_json(data) async for job_id, data in storage.records()}


async def reopened(store: JobStore, clock) -> JobStore:
    await store.close()
    again = JobStore(store.storage, Policy(), clock)
    await again.start()
    return again


async def test_waiting_for_an_end_ends_in_time_and_is_bounded(store):
    job_id = await submitted(store)
    assert (await store.status(job_id, 0.01))["status"] == "processing"
    waiting = [asyncio.create_task(store.status(job_id, 60.0)) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    one_too_many = await asyncio.wait_for(store.status(job_id, 60.0), 10)
    assert one_too_many["status"] == "processing"
    grant = await store.lease("holder", 0.0, 1.0)
    assert await store.fail(job_id, grant.fence, "invalid_image", "damaged")
    assert {document["status"] for document in await asyncio.gather(*waiting)} == {"failed"}


async def test_a_job_is_on_disk_at_every_step_that_is_told(store):
    job_id = await submitted(store)
    assert (await records(store.storage))[job_id].state is State.QUEUED
    grant = await store.lease("holder", 0.0, 1.0)
    on_disk = (await records(store.storage))[job_id]
    assert (on_disk.state, on_disk.attempt) == (State.RUNNING, grant.fence)
    assert await store.report({job_id: Report(grant.fence, 47)}) == []
    assert (await records(store.storage))[job_id].progress == 50  # a mark above what is shown
    assert (await store.status(job_id))["progress"] == 47


async def test_the_input_goes_when_the_job_is_done_and_the_result_when_it_is_delivered(store):
    job_id = await finished(store)
    assert sorted(await store.storage.files(job_id)) == ["job.json", "result.1"]
    grant = await store.lease_download(job_id)
    assert isinstance(grant, DownloadGrant)
    await store.end_download(job_id, grant.lease_id, "delivered")
    assert await store.storage.folders() == {}
    assert await store.lease_download(job_id) == Refusal("already_downloaded")
    document = await store.status(job_id)
    assert document["status"] == "completed"
    assert document["result"] == "downloaded"
    assert "download_url" not in document


async def test_a_result_that_nobody_fetches_is_evicted(store, clock):
    job_id = await finished(store)
    clock.advance(901)
    await store._sweeper.sweep()
    assert await store.storage.folders() == {}
    assert (await store.status(job_id))["result"] == "expired"
    assert await store.lease_download(job_id) == Refusal("expired")
    clock.advance(901)
    await store._sweeper.sweep()
    assert await store.status(job_id) is None
    assert await records(store.storage) == {}


async def test_a_failed_job_keeps_its_reason_and_not_its_picture(store):
    job_id = await submitted(store)
    grant = await store.lease("holder", 0.0, 1.0)
    assert await store.fail(job_id, grant.fence, "invalid_image", "broken")
    assert await store.storage.folders() == {}
    document = await store.status(job_id)
    assert document["status"] == "failed"
    assert document["error"] == "upscale failed: broken"
    assert await store.lease_download(job_id) == Refusal("job_failed")


async def test_a_new_life_takes_up_every_job(store, clock):
    waiting, done, fetched = await submitted(store), None, None
    grant = await store.lease("holder", 0.0, 1.0)
    done, fetched = await finished(store), await finished(store)
    lease = await store.lease_download(fetched)
    await store.end_download(fetched, lease.lease_id, "delivered")
    store = await reopened(store, clock)
    try:
        assert (await store.status(waiting))["stage"] == "running"
        assert (await store.status(done))["result"] == "available"
        assert (await store.status(fetched))["result"] == "downloaded"
        name = await store.storage.put_result(waiting, grant.fence, io.BytesIO(b"r"))
        assert await store.complete(waiting, grant.fence, Result(name, 1, "00"))  # the holder lived on
    finally:
        await store.close()


async def test_progress_does_not_fall_in_a_restart(store, clock):
    job_id = await submitted(store)
    grant = await store.lease("holder", 0.0, 1.0)
    await store.report({job_id: Report(grant.fence, 57)})
    store = await reopened(store, clock)
    try:
        assert (await store.status(job_id))["progress"] >= 57
    finally:
        await store.close()


async def test_restarts_and_releases_do_not_use_up_a_job(store, clock):
    job_id = await submitted(store)
    for _ in range(8):
        grant = await store.lease("holder", 0.0, 1.0)
        await store.report({job_id: Report(grant.fence, 10)})
        store = await reopened(store, clock)
        clock.advance(Policy().lease_s + 1)
        await store._sweeper.sweep()
        grant = await store.lease("holder", 0.0, 1.0)
        await store.release(job_id, grant.fence)
    assert (await store.status(job_id))["stage"] == "retrying"
    await store.close()


async def test_what_expired_while_nothing_ran_is_gone_before_the_first_answer(store, clock):
    job_id = await finished(store)
    await store.close()
    clock.advance(10_000)
    again = JobStore(store.storage, Policy(), clock)
    with pytest.raises(StoreUnavailableError):
        await again.status(job_id)
    await again.start()
    assert await store.storage.folders() == {}
    await again.close()


async def test_a_crash_between_the_tombstone_and_the_unlink_is_made_good(store, clock):
    job_id = await finished(store)
    lease = await store.lease_download(job_id)
    record = (await records(store.storage))[job_id]
    await store.end_download(job_id, lease.lease_id, "delivered")
    await store.storage.put_record(job_id, record.to_json())  # as if the unlink had not happened
    await store.storage.put_result(job_id, 1, io.BytesIO(b"result"))
    store = await reopened(store, clock)
    try:
        assert await store.storage.folders() == {}
        assert (await store.status(job_id))["result"] == "downloaded"
    finally:
        await store.close()


async def test_files_that_no_record_names_are_removed(store, clock):
    job_id = await submitted(store)
    for fence in (1, 2):
        assert (await store.lease("holder", 0.0, 1.0)).fence == fence
        await store.storage.put_result(job_id, fence, io.BytesIO(b"r"))
        await store.release(job_id, fence)
    store._sweeper._tidied_at -= TIDY_S + 1
    await store._sweeper.sweep()
    assert sorted(await store.storage.files(job_id)) == ["input", "job.json", "result.2"]


async def test_a_job_given_back_too_often_fails(store):
    job_id = await submitted(store)
    for _ in range(Policy().max_leases):
        grant = await store.lease("holder", 0.0, 1.0)
        assert await store.release(job_id, grant.fence)
    assert (await store.status(job_id))["error_code"] == "too_many_attempts"


class FullDisk(JobStorage):
    """A storage that takes no more records."""

    async def put_record(self, job_id: str, record: bytes) -> None:
        raise StorageError("no space left")


async def test_what_cannot_be_written_is_refused_and_not_remembered(storage, clock):
    store = JobStore(FullDisk(storage.objects, storage.root), Policy(), clock)
    await store.start()
    try:
        assert await store.submit("1", an_order()) == Refusal("storage_unavailable")
        assert await store.status("1") is None
    finally:
        await store.close()
