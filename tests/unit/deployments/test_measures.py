"""The figures of the job store are true: for each, what happens and what is told of it."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from deployments.errors import StorageError
from deployments.jobs.messages import Report
from deployments.jobs.policy import Policy
from deployments.jobs.record import JobRecord, State, new_job_id
from deployments.jobs.store import JobStore
from deployments.metrics import catalogue as figures
from deployments.storage.storage import JobStorage, open_storage
from tests.unit.deployments.conftest import ORDER
from tests.unit.deployments.meters import Remembered
from tests.unit.deployments.test_store import finished, submitted

pytestmark = pytest.mark.anyio

MODEL = ORDER.model


async def a_store(root: Path, clock, meter: Remembered) -> JobStore:
    store = JobStore(open_storage(str(root)), Policy(), clock, meter)
    await store.start()
    return store


@pytest.fixture
async def store(root, clock, meter):
    store = await a_store(root, clock, meter)
    yield store
    await store.close()


async def swept(store: JobStore) -> None:
    await store._sweeper.sweep()


async def test_a_job_from_its_acceptance_to_its_download(store, meter, clock):
    job_id = await submitted(store)
    assert meter.counted(figures.JOBS_ACCEPTED, model=MODEL) == 1
    clock.advance(7)
    grant = await store.lease("holder", 0.0, 1.0)
    assert meter.observed(figures.STAGE_S, stage="queue") == [7]
    await swept(store)
    assert meter.shown(figures.QUEUE_JOBS, state="running") == 1
    assert meter.shown(figures.QUEUE_JOBS, state="queued") == 0
    assert meter.shown(figures.QUEUE_WORK_S) == ORDER.estimated_s
    clock.advance(5)
    await store.report({job_id: Report(grant.fence, 10)})
    await store.fail(job_id, grant.fence, "invalid_image", "damaged")
    assert meter.counted(figures.JOBS_ENDED, model=MODEL, outcome="invalid_image") == 1
    assert meter.observed(figures.STAGE_S, stage="all") == []
    assert meter.observed(figures.DELETION_LAG_S, why="ended") == [0]
    done = await finished(store)
    assert meter.counted(figures.JOBS_ENDED, model=MODEL, outcome="completed") == 1
    lease = await store.lease_download(done)
    await store.end_download(done, lease.lease_id, "aborted")
    lease = await store.lease_download(done)
    await store.end_download(done, lease.lease_id, "kept")
    lease = await store.lease_download(done)
    await store.end_download(done, lease.lease_id, "delivered")
    assert meter.counted(figures.DOWNLOADS, result="aborted") == 1
    assert meter.counted(figures.DOWNLOADS, result="kept") == 1
    assert meter.counted(figures.DOWNLOADS, result="delivered") == 1
    assert meter.counted(figures.DOWNLOADS, result="lost") == 0
    assert meter.observed(figures.DELETION_LAG_S, why="downloaded") == [0]


class Forgetful(JobStorage):
    """Takes no record of a job that is over, the first two times."""

    num_left = 2

    async def put_tombstone(self, job_id: str, record: bytes) -> None:
        if self.num_left:
            self.num_left -= 1
            raise StorageError("no space left")
        await super().put_tombstone(job_id, record)


async def test_a_download_counts_once_however_often_it_is_told(root, clock, meter):
    opened = open_storage(str(root))
    store = JobStore(Forgetful(opened.objects, opened.root), Policy(), clock, meter)
    await store.start()
    done = await finished(store)
    lease = await store.lease_download(done)
    with pytest.raises(StorageError):
        await store.end_download(done, lease.lease_id, "delivered")
    await store.end_download(done, lease.lease_id, "delivered")
    assert meter.counted(figures.DOWNLOADS, result="delivered") == 1
    await store.close()


async def test_the_oldest_that_waits(store, meter, clock):
    await submitted(store)
    clock.advance(40)
    await submitted(store)
    await swept(store)
    assert meter.shown(figures.QUEUE_OLDEST_S) == 40
    assert meter.shown(figures.QUEUE_JOBS, state="queued") == 2


async def test_why_a_job_waits_again(store, meter, clock):
    job_id = await submitted(store)
    grant = await store.lease("holder", 0.0, 1.0)
    await store.release(job_id, grant.fence)
    assert meter.counted(figures.JOBS_REQUEUED, why="released") == 1
    grant = await store.lease("holder", 0.0, 1.0)
    await store.report({job_id: Report(grant.fence, 1)})
    clock.advance(Policy().lease_s + 1)
    await swept(store)
    assert meter.counted(figures.JOBS_REQUEUED, why="silent") == 1
    assert meter.counted(figures.JOBS_REQUEUED, why="released") == 1


async def test_a_result_that_nobody_came_for_is_told_by_how_late_it_went(store, meter, clock):
    await finished(store)
    clock.advance(Policy().result_ttl_s + 3)
    await swept(store)
    assert meter.observed(figures.DELETION_LAG_S, why="expired") == [3]


async def test_a_job_that_stands_still_is_stuck_until_it_moves(store, meter, clock, caplog):
    job_id = await submitted(store)
    clock.advance(1000)  # waiting is not standing still
    grant = await store.lease("holder", 0.0, 1.0)
    for _ in range(int(Policy().stuck_after_s / 10)):
        await swept(store)
        assert meter.shown(figures.STUCK_JOBS) == 0
        clock.advance(10)
        await store.report({job_id: Report(grant.fence, 3)})
    clock.advance(10)
    await swept(store)
    await swept(store)
    assert meter.shown(figures.STUCK_JOBS) == 1
    assert [record.getMessage() for record in caplog.records].count(f"job {job_id} has not moved for 600 s") == 1
    await store.report({job_id: Report(grant.fence, 4)})
    await swept(store)
    assert meter.shown(figures.STUCK_JOBS) == 0


async def test_lost_bytes_are_broken_promises(store, meter):
    job_id = await submitted(store)
    grant = await store.lease("holder", 0.0, 1.0)
    await store.fail(job_id, grant.fence, "input_lost", "gone")
    assert meter.counted(figures.VIOLATIONS, promise="input_lost") == 1
    done = await finished(store)
    lease = await store.lease_download(done)
    assert meter.counted(figures.VIOLATIONS, promise="result_lost") == 0
    await store.end_download(done, lease.lease_id, "lost")
    assert meter.counted(figures.VIOLATIONS, promise="result_lost") == 1
    assert meter.counted(figures.DOWNLOADS, result="lost") == 1


async def test_a_record_that_cannot_be_read_is_a_broken_promise_and_its_files_are_overdue(root, clock, meter):
    job_id = new_job_id()
    folder = root / "jobs" / job_id
    folder.mkdir(parents=True)
    for name, data in (("job.json", b"{"), ("input", b"a picture")):
        (folder / name).write_bytes(data)
        os.utime(folder / name, (clock.wall() - 1000, clock.wall() - 1000))
    store = await a_store(root, clock, meter)
    assert meter.counted(figures.VIOLATIONS, promise="record_unreadable") == 1
    assert meter.counted(figures.VIOLATIONS, promise="kept_too_long") == 0
    for _ in range(2):  # it is told once
        await store.tidy()
        await swept(store)
        assert meter.shown(figures.OVERDUE_FILES) == 2
        assert meter.shown(figures.OVERDUE_S) == 880
        assert meter.counted(figures.VIOLATIONS, promise="kept_too_long") == 2
    assert meter.shown(figures.HELD_BYTES, kind="input") == 9
    assert meter.shown(figures.HELD_BYTES, kind="record") == 1
    await store.close()


async def test_what_jobs_have_a_right_to_is_not_overdue(store, meter, clock, root):
    await submitted(store)
    await submitted(store)
    grant = await store.lease("holder", 0.0, 1.0)
    await store.storage.put_result(grant.job_id, grant.fence, io.BytesIO(b"half"))
    await store.close()  # no sweep of its own meanwhile
    for path in root.rglob("*"):
        os.utime(path, (clock.wall() - 10_000, clock.wall() - 10_000))
    await store.tidy()
    await swept(store)
    assert meter.shown(figures.OVERDUE_FILES) == 0
    assert meter.shown(figures.HELD_BYTES, kind="result") == 4


async def test_what_the_sweep_does_not_remove_is_overdue(store, meter, clock, root):
    done = await finished(store)
    await store._sweeper.close()
    clock.advance(Policy().result_ttl_s + 60)
    await store.tidy()  # looks, and leaves eviction to the sweep
    store._measures.look(0.0)
    assert meter.shown(figures.OVERDUE_FILES) == 2
    assert meter.shown(figures.OVERDUE_S) == 60
    lease = store.table.downloads.take(done)  # what is being downloaded may be so for longer
    await store.tidy()
    store._measures.look(0.0)
    assert meter.shown(figures.OVERDUE_FILES) == 0
    store.table.downloads.give_back(done, lease)


async def test_a_file_outside_of_any_job_is_overdue_and_stops_nothing(store, meter, clock, root):
    stray, foreign = root / "jobs" / new_job_id() / "input", root / "jobs" / "notes.txt"
    for path in (stray, foreign):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"?")
        os.utime(path, (0, 0))
    await store.tidy()
    await swept(store)
    assert not stray.exists()  # of an upload whose ingress died
    assert meter.shown(figures.OVERDUE_FILES) == 1
    assert meter.shown(figures.HELD_BYTES, kind="other") == 1


def test_every_change_of_a_record_is_news_but_progress():
    accepted = JobRecord("1" * 19, ORDER, 0.0)
    leased = JobRecord("1" * 19, ORDER, 0.0, state=State.RUNNING, attempt=1, progress=10)
    assert accepted.news_since(None) is None  # the Ingress says so
    assert leased.news_since(accepted) == "leased, attempt 1"
    assert leased.news_since(leased) is None
    assert accepted.news_since(leased) == "queued again"


def test_every_metric_says_what_it_is():
    assert len({metric.name for metric in figures.ALL}) == len(figures.ALL)
    for metric in figures.ALL:
        assert metric.name.startswith("upscaler_")
        assert bool(metric.bounds) == (metric.kind == "histogram")
        assert list(metric.bounds) == sorted(metric.bounds)
        assert metric.says
        assert not {"job", "key", "name", "file"} & set(metric.labels)
