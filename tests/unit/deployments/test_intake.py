"""What is promised: room in the queue and in storage, somebody to work on it, and an end to waiting."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from deployments.errors import ConfigurationError, StoreUnavailableError
from deployments.jobs.intake import SPARE_BYTES
from deployments.jobs.job import Job
from deployments.jobs.messages import Refusal
from deployments.jobs.policy import Policy
from deployments.jobs.record import JobRecord, Result, ResultState, State
from deployments.jobs.store import JobStore
from deployments.jobs.table import JobTable
from deployments.storage.proof import prove_same_storage
from deployments.storage.storage import open_storage
from tests.unit.deployments.conftest import ORDER, FakeClock, an_order
from upscaler.pictures.encoding import encode
from upscaler.pictures.picture import Picture

POLICY = Policy()
NEED = ORDER.most_result_bytes


def test_each_job_is_promised_room_for_its_largest_result_until_it_has_ended():
    table, free_bytes = JobTable(POLICY, FakeClock()), SPARE_BYTES + 2 * NEED
    first = table.accept("1", an_order(), free_bytes)
    assert isinstance(first, JobRecord)
    assert isinstance(table.accept("2", an_order(), free_bytes), JobRecord)  # the first is not yet written
    refused = table.accept("3", an_order(), free_bytes)
    assert isinstance(refused, Refusal)
    assert refused.code == "storage_full"
    table.intake.take_back("2")
    second = table.accept("2", an_order(), free_bytes)
    assert isinstance(second, JobRecord)
    for record in (first, second):
        table.commit(record)
    claimed = table.claim("holder", 0.0)
    assert claimed is not None
    table.commit(claimed, "holder")
    ended = table.completed(claimed.job_id, 1, Result("result.1", 10, "00"))
    assert ended is not None
    table.commit(ended)
    assert isinstance(table.accept("3", an_order(), free_bytes), JobRecord)


@pytest.mark.parametrize("size", [(1, 1), (3, 4000), (300, 200)])
def test_no_png_of_noise_is_larger_than_what_was_promised(size):
    width, height = size
    order = replace(ORDER, input_width=width, input_height=height, input_bytes=100)
    noise = np.random.default_rng(1).integers(0, 256, (4 * height, 4 * width, 3), np.uint8)
    for name in ("png", "jpeg", "webp"):
        file = io.BytesIO()
        encode(Picture(noise, None, False, None, name), file, name)
        assert len(file.getvalue()) <= replace(order, output_format=name).most_result_bytes


def test_a_full_queue_says_when_there_will_be_room():
    table = JobTable(replace(POLICY, max_queued=1), FakeClock())
    running = table.accept("1", an_order(30.0))
    assert isinstance(running, JobRecord)
    table.commit(running)
    claimed = table.claim("holder", 0.0)
    assert claimed is not None
    table.commit(claimed, "holder")
    waiting = table.accept("2", an_order())
    assert isinstance(waiting, JobRecord)
    table.commit(waiting)
    assert table.accept("3", an_order()) == Refusal("queue_full", 30)


def test_where_nobody_works_a_job_is_taken_for_a_while_and_then_none():
    clock = FakeClock()
    table = JobTable(POLICY, clock)
    clock.advance(10 * POLICY.cold_start_limit_s)  # scaled to zero since long, and nothing waits: all is well
    first = table.accept("1", an_order())
    assert isinstance(first, JobRecord)
    table.commit(first)
    clock.advance(POLICY.cold_start_limit_s - 1)
    table.intake.take_back(table.accept("2", an_order()).job_id)
    clock.advance(2)
    assert table.accept("2", an_order()).code == "no_replica"
    table.intake.hear()
    assert isinstance(table.accept("2", an_order()), JobRecord)


@pytest.mark.parametrize("skew_s", [0.0, -3600.0])
def test_a_job_that_nobody_works_on_ends_also_across_restarts(skew_s):
    clock = FakeClock()
    record = JobTable(POLICY, clock).accept("1", an_order())
    assert isinstance(record, JobRecord)
    clock.skew = skew_s
    clock.advance(POLICY.queue_limit_s / 2)
    table = JobTable(POLICY, clock)
    table.load(record)
    assert table.all_that(Job.has_waited_out) == []
    clock.advance(POLICY.queue_limit_s / 2 - min(0.0, skew_s) + 1)
    assert table.all_that(Job.has_waited_out) == ["1"]
    failed = table.waited_out("1")
    assert failed is not None
    assert (failed.state, failed.error_code) == (State.FAILED, "queue_timeout")


@pytest.mark.anyio
async def test_a_storage_that_is_another_one_is_told_apart(storage, store, tmp_path):
    await prove_same_storage(storage, store)
    other = JobStore(open_storage(str(tmp_path / "elsewhere")), POLICY)
    empty = open_storage(str(tmp_path / "empty"))
    with pytest.raises(ConfigurationError, match="same storage"):
        await prove_same_storage(empty, store, 0.0)
    await other.start()
    with pytest.raises(ConfigurationError, match="same storage"):
        await prove_same_storage(storage, other, 0.0)
    await other.close()


@pytest.mark.anyio
async def test_a_sweep_that_has_stopped_is_noticed(storage, clock):
    store = JobStore(storage, POLICY, clock)
    await store.start()
    await store.check_health()
    await store.close()
    with pytest.raises(StoreUnavailableError, match="sweep"):
        await store.check_health()


def test_all_jobs_together_have_no_more_room_than_is_allowed():
    table = JobTable(replace(POLICY, max_stored_bytes=SPARE_BYTES + 2 * NEED), FakeClock())
    for free_bytes in (None, 1 << 40):  # also where the storage has no end
        first = table.accept("1", an_order(), free_bytes)
        assert isinstance(first, JobRecord)
        table.take_back("1")
    table.commit(first)
    claimed = table.claim("holder", 0.0)
    assert claimed is not None
    table.commit(claimed, "holder")
    ended = table.completed("1", 1, Result("result.1", 2 * NEED + 1, "00"))
    assert ended is not None
    table.commit(ended)
    assert refusal_of(table.accept("2", an_order())) == "storage_full"
    assert table.intake.why_not_ready(table.quotas.left_bytes(None), None) == "The storage is full."
    gone = table.result_gone("1", ResultState.DOWNLOADED)
    assert gone is not None
    table.commit(gone)
    assert isinstance(table.accept("2", an_order()), JobRecord)


def test_who_drains_takes_no_more_jobs_and_goes_on_with_those_it_has():
    table = JobTable(POLICY, FakeClock())
    first = table.accept("1", an_order())
    assert isinstance(first, JobRecord)
    table.commit(first)
    table.intake.is_draining = True
    assert table.accept("2", an_order()) == Refusal("draining", 60)
    table.intake.hear()
    assert table.intake.why_not_ready(None, None) == "The service takes no more jobs."
    assert table.claim("holder", 0.0) is not None
    table.intake.is_draining = False
    assert isinstance(table.accept("2", an_order()), JobRecord)


def refusal_of(answer: object) -> str:
    assert isinstance(answer, Refusal)
    return answer.code
