"""HandOut: waiting replicas get waiting jobs, and nobody suffers by another."""

from __future__ import annotations

import asyncio

import pytest

from deployments.errors import StorageError, StoreUnavailableError
from deployments.jobs.policy import Policy
from deployments.jobs.store import JobStore
from deployments.storage.storage import JobStorage
from tests.unit.deployments.test_store import submitted

pytestmark = pytest.mark.anyio


async def test_a_waiting_replica_gets_a_job_as_it_comes_and_the_emptiest_first(store):
    busy = asyncio.ensure_future(store.lease("busy", 1.0, 5.0))
    idle = asyncio.ensure_future(store.lease("idle", 0.0, 5.0))
    while len(store.waiters.emptiest_first()) < 2:
        await asyncio.sleep(0)
    job_id = await submitted(store)
    assert (await idle).job_id == job_id
    second = await submitted(store)
    assert (await busy).job_id == second


async def test_a_lease_that_finds_nothing_ends(store):
    assert await store.lease("holder", 0.0, 0.01) is None


class SlowStorage(JobStorage):
    """A storage whose records wait to be let through, or to be turned away."""

    is_slow = is_full = False
    full_for = ""

    def slow_down(self) -> None:
        self.is_slow, self.on_their_way, self.may_go_on = True, list[str](), asyncio.Event()

    async def put_record(self, job_id: str, record: bytes) -> None:
        if job_id == self.full_for:
            raise StorageError("no space left")
        if self.is_slow:
            self.on_their_way.append(job_id)
            await self.may_go_on.wait()
            if self.is_full:
                raise StorageError("no space left")
        await super().put_record(job_id, record)


@pytest.fixture
async def slow(storage, clock):
    store = JobStore(SlowStorage(storage.objects, storage.root), Policy(), clock)
    await store.start()
    yield store
    store.storage.may_go_on.set()
    await store.close()


async def test_what_waiting_replicas_get_is_written_down_together_and_one_job_for_each(slow):
    jobs = [await submitted(slow) for _ in range(4)]
    slow.storage.slow_down()
    polls = [asyncio.ensure_future(slow.lease(holder, 0.0, 5.0)) for holder in ("a", "b", "c", "a")]
    while len(slow.storage.on_their_way) < 3:
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert sorted(slow.storage.on_their_way) == sorted(jobs[:3])
    slow.storage.may_go_on.set()
    assert [grant.job_id for grant in await asyncio.gather(*polls)] == jobs


async def test_what_cannot_be_leased_harms_no_other_that_is_leased_with_it(slow):
    jobs = [await submitted(slow) for _ in range(2)]
    slow.storage.slow_down()
    slow.storage.full_for = jobs[0]
    fails, waits = (asyncio.ensure_future(slow.lease(holder, 0.0, 5.0)) for holder in "ab")
    with pytest.raises(StoreUnavailableError):
        await fails  # though the other is still being written
    slow.storage.full_for = ""
    assert slow.table._queue.place(jobs[0]) == (1, 0.0)
    again = asyncio.ensure_future(slow.lease("a", 0.0, 5.0))
    slow.storage.may_go_on.set()
    assert [(await lease).job_id for lease in (again, waits)] == jobs


async def test_what_is_forgotten_while_it_cannot_be_leased_keeps_nobody_waiting(slow):
    job_id, other = await submitted(slow), await submitted(slow)
    slow.storage.slow_down()
    slow.storage.is_full = True
    lease = asyncio.ensure_future(slow.lease("a", 0.0, 5.0))
    while not slow.storage.on_their_way:
        await asyncio.sleep(0)
    slow.table.forget(job_id)
    slow.storage.may_go_on.set()
    with pytest.raises(StoreUnavailableError):
        await lease
    slow.storage.is_full = False
    assert (await slow.lease("a", 0.0, 5.0)).job_id == other
