"""JobStore when something goes wrong around it: callers that leave, disks that fill up, damaged records."""

from __future__ import annotations

import asyncio
import io

import pytest

from deployments.errors import StorageError, StoreUnavailableError
from deployments.jobs.messages import Grant
from deployments.jobs.policy import Policy
from deployments.jobs.record import Result
from deployments.jobs.store import JobStore
from deployments.storage.storage import JobStorage, open_storage
from tests.unit.deployments.test_store import submitted

pytestmark = pytest.mark.anyio


class TroubledStorage(JobStorage):
    """A local storage that waits for `gate` before it writes a record, and fails what is told to."""

    def __init__(self, path) -> None:
        opened = open_storage(str(path))
        super().__init__(opened.objects, opened.root)
        self.gate = asyncio.Event()
        self.gate.set()
        self.full_for: set[str] = set()
        self.error: Exception = StorageError("no space left")

    async def put_record(self, job_id: str, record: bytes) -> None:
        await self.gate.wait()
        if job_id in self.full_for:
            raise self.error
        await super().put_record(job_id, record)

    async def put_tombstone(self, job_id: str, record: bytes) -> None:
        if job_id in self.full_for and any(name.startswith("result") for name in await self.files(job_id)):
            raise self.error
        await super().put_tombstone(job_id, record)


@pytest.fixture
def storage(tmp_path) -> TroubledStorage:
    return TroubledStorage(tmp_path / "storage")


async def finished(store: JobStore) -> str:
    job_id = await submitted(store)
    grant = await store.lease("holder", 0.0, 1.0)
    name = await store.storage.put_result(job_id, grant.fence, io.BytesIO(b"result"))
    assert await store.complete(job_id, grant.fence, Result(name, 6, "00"))
    return job_id


async def test_a_caller_that_leaves_takes_no_job_along(store, storage):
    """Ray cancels the calls of a request whose client hangs up; what they had begun must not be lost."""
    job_id = await submitted(store)
    storage.gate.clear()
    leaving = asyncio.ensure_future(store.lease("leaves", 0.0, 5.0))
    while store.table._queue.place(job_id):
        await asyncio.sleep(0)
    leaving.cancel()
    storage.gate.set()
    await asyncio.gather(leaving, return_exceptions=True)
    grant = await store.lease("stays", 0.0, 5.0)
    assert grant is not None
    assert grant.job_id == job_id


async def test_a_submission_that_is_cancelled_strands_nobody(store, storage):
    waiting = asyncio.ensure_future(store.lease("holder", 0.0, 5.0))
    first = await submitted(store)
    assert (await waiting).job_id == first
    storage.gate.clear()
    leaving = asyncio.ensure_future(submitted(store))
    await asyncio.sleep(0.05)
    leaving.cancel()
    storage.gate.set()
    await asyncio.gather(leaving, return_exceptions=True)
    second = await submitted(store)
    granted = set()
    while len(granted) < 1 or second not in granted:
        grant = await store.lease("holder", 0.0, 5.0)
        assert grant is not None
        granted.add(grant.job_id)


async def test_many_that_wait_and_many_that_come_all_meet(store):
    for _ in range(10):
        leases = [asyncio.ensure_future(store.lease(f"replica-{n}", 0.0, 5.0)) for n in range(4)]
        job_ids = await asyncio.gather(*(submitted(store) for _ in range(12)))
        grants = list(await asyncio.gather(*leases))
        grants += [await store.lease("replica-0", 0.0, 5.0) for _ in range(8)]
        assert all(isinstance(grant, Grant) and grant.fence == 1 for grant in grants)
        assert sorted(grant.job_id for grant in grants) == sorted(job_ids)


@pytest.mark.parametrize("error", [StorageError("no space left"), FileNotFoundError("gone"), RuntimeError("a bug")])
async def test_a_grant_that_cannot_be_written_leaves_the_job_in_its_place(store, storage, error):
    job_id = await submitted(store)
    storage.full_for, storage.error = {job_id}, error
    with pytest.raises(StoreUnavailableError):
        await store.lease("holder", 0.0, 1.0)
    assert store.table._queue.place(job_id) == (1, 0.0)
    storage.full_for = set()
    assert (await store.lease("holder", 0.0, 1.0)).job_id == job_id


async def test_a_full_disk_makes_room_by_what_has_expired(store, storage, clock):
    job_ids = [await finished(store) for _ in range(3)]
    storage.full_for = set(job_ids)
    clock.advance(901)
    await store._sweeper.sweep()
    assert await storage.folders() == {}
    assert {(await store.status(job_id))["result"] for job_id in job_ids} == {"expired"}


async def test_what_fails_for_one_job_does_not_keep_the_sweep_from_the_others(store, storage, clock, monkeypatch):
    stuck, other = await finished(store), await finished(store)
    delete_file = storage.delete_file

    async def fails_for_one(job_id: str, name: str) -> None:
        if job_id == stuck:
            raise StorageError("the disk is ill")
        await delete_file(job_id, name)

    monkeypatch.setattr(storage, "delete_file", fails_for_one)
    storage.full_for = {stuck}
    clock.advance(901)
    await store._sweeper.sweep()
    assert (await store.status(other))["result"] == "expired"
    monkeypatch.undo()
    await store._sweeper.sweep()
    assert (await store.status(stuck))["result"] == "expired"
    assert await storage.folders() == {}


@pytest.mark.parametrize("damaged", [b"5", b'"x"', b"{}", b"[]", b""])
async def test_a_damaged_record_is_left_alone(storage, clock, damaged):
    await storage.put_record("1" * 19, damaged)
    store = JobStore(storage, Policy(), clock)
    await store.start()
    job_id = await submitted(store)
    assert (await store.status(job_id))["stage"] == "queued"
    await store.close()


async def test_a_start_that_failed_can_be_repeated(storage, clock, monkeypatch):
    store = JobStore(storage, Policy(), clock)
    monkeypatch.setattr(storage, "folders", _raise_storage_error)
    with pytest.raises(StorageError, match="ill"):
        await store.start()
    monkeypatch.undo()
    await store.start()
    await submitted(store)
    await store.close()


async def _raise_storage_error() -> None:
    raise StorageError("the disk is ill")
