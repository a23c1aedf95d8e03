"""What the service says of itself, and a submission that waits for its job."""

from __future__ import annotations

import asyncio

import pytest

from deployments.errors import StoreUnavailableError
from deployments.jobs.intake import REPLICA_HEARD_S
from deployments.jobs.policy import Policy
from deployments.jobs.table import JobTable
from tests.pictures import png
from tests.unit.deployments.conftest import MAX_UPLOAD, FakeClock, an_order, assert_is_problem
from tests.unit.deployments.test_api import finish

pytestmark = pytest.mark.anyio


async def test_the_models_that_can_be_asked_for(client, backend):
    models = (await client.get("/api/v1/models")).json()["models"]
    assert [model["name"] for model in models] == list(backend.admission.serving.models)
    assert [model["name"] for model in models if model["default"]] == [backend.admission.serving.default_model]
    assert all(model["description"] and model["native_scale"] in {2, 4} for model in models)
    assert all(
        model["mflop_per_px"] == backend.admission.serving.catalogue[model["name"]].mflop_per_px for model in models
    )


async def test_the_limits_are_those_that_hold(client):
    limits = (await client.get("/api/v1/limits")).json()
    assert (limits["max_upload_bytes"], limits["max_input_px"]) == (MAX_UPLOAD, 10_000)
    assert limits["max_side_px"] == {"png": 65_500, "jpeg": 65_500, "webp": 16_383}
    assert limits["quality"] == {"minimum": 1, "maximum": 100, "default": 95}


async def test_it_is_well_before_it_is_ready(client, store):
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready_yet")
    assert answer.headers["retry-after"]
    assert_is_problem(answer)
    await store.lease("holder", 0.0, 0.01)
    assert (await client.get("/readyz")).json() == {"status": "ready"}


async def test_without_a_store_it_is_well_and_not_ready(client, store):
    store.trouble = "away"
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).status_code == 503


@pytest.mark.parametrize("scales_to_zero", [False, True])
def test_who_scales_to_zero_is_ready_without_a_replica_until_none_comes(scales_to_zero):
    clock = FakeClock()
    policy = Policy(scales_to_zero=scales_to_zero)
    table = JobTable(policy, clock)

    def is_ready() -> bool:
        return table.intake.why_not_ready(None, table.workload.waiting_since()) is None

    assert is_ready() == scales_to_zero
    table.intake.hear()
    assert is_ready()
    clock.advance(REPLICA_HEARD_S + 1)
    assert is_ready() == scales_to_zero
    table.commit(table.accept("1", an_order()))
    clock.advance(policy.cold_start_limit_s + 1)
    assert not is_ready()


def test_a_full_storage_is_not_ready():
    table = JobTable(Policy(), FakeClock())
    table.intake.hear()
    assert table.intake.why_not_ready(1000, None) == "The storage is full."


async def test_a_submission_that_waits_is_answered_by_the_end_of_its_job(client, store):
    form = {"files": {"image": ("a.png", png(1))}, "headers": {"Prefer": "respond-async, wait=30"}}
    posting = asyncio.ensure_future(client.post("/api/v1/upscale", **form))
    async with asyncio.timeout(10):
        while not store.table.workload.depth().queued:
            await asyncio.sleep(0.01)
    job_id = next(iter(store.table._jobs))
    await finish(store, job_id, b"result")
    answer = await posting
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=30")
    assert (answer.json()["job_id"], answer.json()["status"]) == (job_id, "completed")
    assert answer.headers["location"] == f"/api/v1/status/{job_id}"


async def test_a_submission_that_has_waited_in_vain_is_accepted_all_the_same(client, store):
    answer = await client.post("/api/v1/upscale", files={"image": ("a.png", png(1))}, headers={"Prefer": "wait=0"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=0")
    assert store.table.find(answer.json()["job_id"]) is not None


async def test_trouble_after_the_acceptance_does_not_hide_the_id(client, store, monkeypatch):
    async def away(*_args):
        raise StoreUnavailableError("the job store does not answer")

    monkeypatch.setattr(store, "status", away)
    answer = await client.post("/api/v1/upscale", files={"image": ("a.png", png(1))}, headers={"Prefer": "wait=5"})
    assert answer.status_code == 202
    assert answer.json()["job_id"]


@pytest.mark.parametrize("path", ["/", "/healthz"])
async def test_machines_that_look_by_head_are_answered(client, path):
    answer = await client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
