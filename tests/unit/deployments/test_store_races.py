"""What happens to the store at the wrong moment: pauses, outages, two decisions on one job at once."""

from __future__ import annotations

import asyncio
import io

import pytest

from deployments.errors import StorageError, StoreUnavailableError
from deployments.jobs.messages import Acceptance, Grant, Report
from deployments.jobs.policy import Policy
from deployments.jobs.record import JobRecord, Result, State, new_job_id
from deployments.jobs.store import JobStore
from deployments.jobs.sweep import UPLOAD_DEADLINE_S
from deployments.storage.storage import JobStorage, open_storage
from tests.unit.deployments.conftest import an_order
from tests.unit.deployments.test_store import submitted

pytestmark = pytest.mark.anyio
LEASE_S = Policy().lease_s


class SlowStorage(JobStorage):
    """A local storage that waits for `gate` before it writes a tombstone or a record."""

    def __init__(self, path) -> None:
        opened = open_storage(str(path))
        super().__init__(opened.objects, opened.root)
        self.gate = asyncio.Event()
        self.gate.set()

    async def put_record(self, job_id: str, record: bytes) -> None:
        await self.gate.wait()
        await super().put_record(job_id, record)

    async def put_tombstone(self, job_id: str, record: bytes) -> None:
        await self.gate.wait()
        await super().put_tombstone(job_id, record)


@pytest.fixture
def storage(tmp_path) -> SlowStorage:
    return SlowStorage(tmp_path / "storage")


async def running(store: JobStore) -> Grant:
    await submitted(store)
    grant = await store.lease("holder", 0.0, 1.0)
    assert grant is not None
    assert await store.report({grant.job_id: Report(grant.fence, 5)}) == []
    return grant


async def test_holders_that_report_while_the_storage_is_away_are_not_taken_for_dead(store, clock):
    grant = await running(store)
    store.trouble = "the storage is away"
    for _ in range(10):
        clock.advance(LEASE_S / 3)
        with pytest.raises(StoreUnavailableError):
            await store.report({grant.job_id: Report(grant.fence, 6)})
    store.trouble = None
    await store._sweeper.sweep()
    job = store.table.find(grant.job_id)
    assert (job.record.state, job.record.deaths, job.record.suspect) == (State.RUNNING, 0, False)


async def test_a_store_that_did_not_run_for_a_while_blames_nobody(store, clock):
    grant = await running(store)
    clock.advance(2 * LEASE_S)
    store.table.renew_leases()
    await store._sweeper.sweep()
    assert store.table.find(grant.job_id).record.state is State.RUNNING
    clock.advance(2 * LEASE_S)
    await store._sweeper.sweep()
    record = store.table.find(grant.job_id).record
    assert (record.state, record.deaths, record.suspect) == (State.QUEUED, 0, False)


async def test_a_job_that_is_cancelled_while_it_is_handed_out_stays_cancelled(store, storage):
    job_id = await submitted(store)
    storage.gate.clear()
    deleting = asyncio.ensure_future(store.delete(job_id))
    await asyncio.sleep(0.05)
    leasing = asyncio.ensure_future(store.lease("holder", 0.0, 0.5))
    await asyncio.sleep(0.05)
    storage.gate.set()
    assert await deleting == "cancelled"
    assert await leasing is None
    assert (await store.status(job_id))["error_code"] == "cancelled"
    assert await storage.folders() == {}
    other = await submitted(store)
    assert (await store.lease("holder", 0.0, 1.0)).job_id == other


async def test_nothing_is_given_to_a_holder_that_has_left(store):
    leasing = asyncio.ensure_future(store.lease("goes", 0.0, 60.0))
    await asyncio.sleep(0.05)
    await store.leave("goes")
    assert await leasing is None
    await submitted(store)
    grant = await store.lease("stays", 0.0, 1.0)
    assert grant is not None
    assert grant.fence == 1


async def test_a_job_that_is_already_on_its_way_to_a_holder_that_leaves_is_heard_of(store, storage):
    job_id = await submitted(store)
    storage.gate.clear()
    leasing = asyncio.ensure_future(store.lease("goes", 0.0, 60.0))
    await asyncio.sleep(0.05)
    await store.leave("goes")
    storage.gate.set()
    grant = await leasing
    assert grant is not None
    assert grant.job_id == job_id


async def test_nobody_leaves_by_the_word_of_another(store):
    leasing = asyncio.ensure_future(store.lease("stays", 0.0, 1.0))
    await asyncio.sleep(0.05)
    await store.leave("goes")
    job_id = await submitted(store)
    grant = await leasing
    assert grant is not None
    assert grant.job_id == job_id


async def test_a_submission_is_withdrawn_even_while_it_is_being_written(store, storage):
    job_id = new_job_id()
    await storage.put_input(job_id, io.BytesIO(b"input"))
    storage.gate.clear()
    submitting = asyncio.ensure_future(store.submit(job_id, an_order()))
    await asyncio.sleep(0.05)
    deleting = asyncio.ensure_future(store.delete(job_id))
    await asyncio.sleep(0.05)
    storage.gate.set()
    assert isinstance(await submitting, Acceptance)
    assert await deleting == "cancelled"
    assert await storage.folders() == {}


async def test_a_record_of_another_version_is_left_alone(store, storage, monkeypatch):
    monkeypatch.setattr("deployments.jobs.sweep.UPLOAD_DEADLINE_S", -1.0)
    await storage.put_input("1", io.BytesIO(b"input"))
    await storage.put_record("1", b'{"format_version": 99}')
    await storage.put_input("2", io.BytesIO(b"nobody's"))
    await store.tidy()
    assert {job_id: folder.names for job_id, folder in (await storage.folders()).items()} == {
        "1": frozenset({"input", "job.json"})
    }
    assert UPLOAD_DEADLINE_S > 0


async def test_what_a_dead_worker_left_of_a_cancelled_job_is_removed(store, storage):
    grant = await running(store)
    assert await store.delete(grant.job_id) == "cancelling"
    await storage.put_result(grant.job_id, grant.fence, io.BytesIO(b"result"))
    await store.tidy()
    assert await storage.folders() == {}


async def test_the_full_time_in_the_queue_begins_anew_for_what_comes_back(store, clock):
    grant = await running(store)
    clock.advance(Policy().queue_limit_s + 1)
    assert await store.release(grant.job_id, grant.fence)
    await store._sweeper.sweep()
    assert store.table.find(grant.job_id).record.state is State.QUEUED


async def test_a_job_that_has_ended_cannot_be_written_over(store):
    job_id = await submitted(store)
    await store.delete(job_id)
    record = store.table.find(job_id).record
    with pytest.raises(ValueError, match="terminal"):
        store.table.commit(JobRecord(job_id, record.order, created_at=0.0))


async def test_a_storage_that_does_not_say_who_owns_it_is_waited_for(store, monkeypatch):
    async def away() -> None:
        raise StorageError("storage failed")

    monkeypatch.setattr(store._ownership, "check", away)
    await store.check_ownership()
    with pytest.raises(StoreUnavailableError):
        await store.status("1")
    monkeypatch.undo()
    await store.check_ownership()
    assert await store.status("1") is None


async def test_a_result_that_is_told_twice_is_published_once_and_kept(store, storage):
    grant = await running(store)
    name = await storage.put_result(grant.job_id, grant.fence, io.BytesIO(b"result"))
    result = Result(name, 6, "00")
    assert await store.complete(grant.job_id, grant.fence, result)
    assert await store.complete(grant.job_id, grant.fence, result)  # the first answer was lost
    assert not await store.complete(grant.job_id, grant.fence, Result("result.0", 6, "00"))
