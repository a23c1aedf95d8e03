"""Worker: real engine, real weights, a store in this process."""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deployments.errands import RETRY_S
from deployments.errors import StorageError
from deployments.jobs.messages import Acceptance
from deployments.jobs.policy import Policy
from deployments.jobs.record import new_job_id
from deployments.jobs.store import JobStore
from deployments.storage.storage import JobStorage, open_storage
from deployments.upscaler import worker as worker_module
from deployments.upscaler.codecs import Codecs
from deployments.upscaler.shelf import ModelShelf
from deployments.upscaler.work import Work
from deployments.upscaler.worker import Worker
from tests.pictures import decoded, png
from tests.unit.deployments.conftest import ORDER
from upscaler.catalogue import load_catalogue
from upscaler.device import select_device
from upscaler.engine import Engine
from upscaler.errors import CancelledError
from upscaler.weights import WeightsStore

pytestmark = pytest.mark.anyio

FAST = "realesr-animevideov3"


@pytest.fixture(scope="module")
def shelf() -> ModelShelf:
    return ModelShelf(load_catalogue(), WeightsStore(Path("/nonexistent"), {}), select_device("cpu"))


@pytest.fixture
def engine(shelf):
    engine = Engine(shelf.device)
    engine.start()
    yield engine
    engine.close()


@contextlib.asynccontextmanager
async def working(store: JobStore, engine: Engine, shelf: ModelShelf):
    """A worker that runs for the length of the block and is stopped as Serve would."""
    worker = Worker("holder", store, store.storage, engine, shelf)
    running = asyncio.ensure_future(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await running


@pytest.fixture
async def store(tmp_path):
    store = JobStore(open_storage(str(tmp_path / "storage")), Policy())
    await store.start()
    yield store
    await store.close()


async def submit(store: JobStore, data: bytes, **changes: object) -> str:
    job_id = new_job_id()
    await store.storage.put_input(job_id, io.BytesIO(data))
    with Image.open(io.BytesIO(data)) as image:
        order = replace(ORDER, input_width=image.width, input_height=image.height, **changes)
    assert isinstance(await store.submit(job_id, order), Acceptance)
    return job_id


async def ended(store: JobStore, job_id: str) -> dict[str, object]:
    async with asyncio.timeout(60):
        while (document := await store.status(job_id))["status"] == "processing":
            await asyncio.sleep(0.02)
    return document


async def result_of(store: JobStore, job_id: str) -> np.ndarray:
    grant = await store.lease_download(job_id)
    _, chunks = await store.storage.stream_result(job_id, grant.result.name)
    return decoded(b"".join([chunk async for chunk in chunks]))


def solo(engine: Engine, shelf: ModelShelf, seed: int) -> np.ndarray:
    return engine.submit(shelf.get(FAST), decoded(png(seed))).result.result(timeout=60)


async def test_jobs_done_together_each_come_back_as_their_own(store, engine, shelf):
    expected = {seed: solo(engine, shelf, seed) for seed in range(6)}
    async with working(store, engine, shelf):
        ids = {seed: await submit(store, png(seed)) for seed in range(6)}
        for seed, job_id in ids.items():
            document = await ended(store, job_id)
            assert document["status"] == "completed"
            assert np.array_equal(await result_of(store, job_id), expected[seed])


@pytest.mark.parametrize("scale", [2, 3, 4])
async def test_the_result_has_the_size_that_was_asked_for(store, engine, shelf, scale):
    async with working(store, engine, shelf):
        job_id = await submit(store, png(1, 17, 9), scale=scale)
        await ended(store, job_id)
        assert (await result_of(store, job_id)).shape == (9 * scale, 17 * scale, 3)


async def test_a_job_that_cannot_succeed_fails_alone(store, engine, shelf):
    async with working(store, engine, shelf):
        broken = await submit(store, png(1)[:-30])
        unknown = await submit(store, png(1), model="gone")
        good = await submit(store, png(2))
        assert (await ended(store, broken))["error_code"] == "invalid_image"
        failed = await ended(store, unknown)
        assert failed["error"].startswith("upscale failed: model not found")
        assert (await ended(store, good))["status"] == "completed"


async def test_a_job_whose_input_is_gone_fails_and_is_not_tried_for_ever(store, engine, shelf):
    job_id = await submit(store, png(1))
    await store.storage.delete_file(job_id, "input")
    async with working(store, engine, shelf):
        assert (await ended(store, job_id))["error_code"] == "input_lost"


async def test_a_job_that_is_dropped_before_its_pass_began_computes_nothing(store, decoder, engine, shelf):
    job_id = await submit(store, png(1))
    grant = await store.lease("holder", 0.0, 1.0)
    work = Work(grant)
    work.cancel()
    with pytest.raises(CancelledError):
        await work.run(store.storage, decoder, engine, shelf, Codecs())
    assert (await store.status(job_id))["progress"] == 0


async def test_a_task_that_is_called_off_ends_its_pass(store, decoder, engine, shelf):
    await submit(store, png(1, 1500, 1500))
    work = Work(await store.lease("holder", 0.0, 1.0))
    running = asyncio.ensure_future(work.run(store.storage, decoder, engine, shelf, Codecs()))
    async with asyncio.timeout(60):
        while work.progress < 1:
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(CancelledError):
        await asyncio.to_thread(work._pass.result.result, timeout=60)


async def test_a_job_that_is_leased_again_to_the_same_worker_is_done_by_it(store, engine, shelf, monkeypatch):
    """A worker that could not report for longer than a lease is taken for dead, wrongly."""
    worker = Worker("holder", store, store.storage, engine, shelf)
    job_id = await submit(store, png(1, 300, 300))
    await worker._begin(await store.lease("holder", 0.0, 1.0))
    store.table.find(job_id).lease_ends = -1.0
    await store._sweeper.sweep()
    await worker._begin(await store.lease("holder", 0.0, 1.0))
    async with asyncio.timeout(60):
        while worker._on_hand:
            await worker._report()
            await asyncio.sleep(0.02)
    document = await store.status(job_id)
    assert (document["status"], document["attempt"]) == ("completed", 2)
    worker.codecs.close()
    worker._decoder.close()


async def test_a_stopped_worker_gives_back_what_it_has_no_time_for(store, engine, shelf):
    """Each of them would be done in time, all of them would not."""
    job_ids = []
    async with working(store, engine, shelf):
        job_ids += [await submit(store, png(seed, 700, 700), estimated_s=6.0) for seed in range(4)]
        async with asyncio.timeout(60):
            while [(await store.status(job_id))["stage"] for job_id in job_ids].count("running") < 2:
                await asyncio.sleep(0.02)
    for job_id in job_ids:
        document = await store.status(job_id)
        assert document["status"] == "completed" or document["stage"] in ("retrying", "queued")


async def test_a_stopped_worker_gives_back_what_is_long(store, engine, shelf):
    async with working(store, engine, shelf):
        job_id = await submit(store, png(1, 1500, 1500), estimated_s=1000.0)
        async with asyncio.timeout(60):
            while (await store.status(job_id))["progress"] < 1:
                await asyncio.sleep(0.02)
    document = await store.status(job_id)
    assert (document["status"], document["stage"]) == ("processing", "retrying")
    assert await store.storage.get_input(job_id) == png(1, 1500, 1500)


class FailingStorage(JobStorage):
    """A local storage whose inputs cannot be read for the first few times."""

    def __init__(self, path, times: int) -> None:
        opened = open_storage(str(path))
        super().__init__(opened.objects, opened.root)
        self.times_left = times

    async def get_input(self, job_id: str) -> bytes:
        if self.times_left:
            self.times_left -= 1
            raise StorageError("storage failed")
        return await super().get_input(job_id)


async def test_a_job_whose_storage_fails_is_kept_back_longer_each_time_and_then_done(tmp_path, engine, shelf):
    store = JobStore(FailingStorage(tmp_path / "storage", 2), Policy())
    await store.start()
    job_id, began_at = await submit(store, png(1)), time.monotonic()
    async with working(store, engine, shelf):
        document = await ended(store, job_id)
    assert (document["status"], document["attempt"]) == ("completed", 3)
    assert time.monotonic() - began_at >= RETRY_S + 2 * RETRY_S
    await store.close()


async def test_a_codec_that_hangs_is_noticed():
    codecs, go_on = Codecs(), threading.Event()
    assert codecs.busy_s == 0.0
    running = asyncio.ensure_future(codecs.run(lambda: go_on.wait(60)))
    async with asyncio.timeout(10):
        while codecs.busy_s < 0.05:
            await asyncio.sleep(0.01)
    go_on.set()
    await running
    assert codecs.busy_s == 0.0
    codecs.close()


async def test_a_worker_that_sees_another_storage_stops_and_fails_nothing(store, engine, shelf, tmp_path, monkeypatch):
    monkeypatch.setattr(worker_module, "PROVE_S", 0.0)
    job_ids = [await submit(store, png(seed)) for seed in range(3)]
    elsewhere = open_storage(str(tmp_path / "elsewhere"))
    async with asyncio.timeout(60):
        await Worker("astray", store, elsewhere, engine, shelf).run()
    assert {(await store.status(job_id))["status"] for job_id in job_ids} == {"processing"}
    async with working(store, engine, shelf):
        assert {(await ended(store, job_id))["status"] for job_id in job_ids} == {"completed"}
