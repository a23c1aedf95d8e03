"""DELETE: a job is cancelled, a result is gone, and a repeat is never an error."""

from __future__ import annotations

import pytest

from deployments.jobs.messages import Report
from tests.pictures import png
from tests.unit.deployments.conftest import assert_is_problem
from tests.unit.deployments.test_store import finished

pytestmark = pytest.mark.anyio


async def submitted(client) -> str:
    return (await client.post("/api/v1/upscale", files={"image": ("cat.png", png(1))})).json()["job_id"]


async def test_a_waiting_job_is_cancelled(client, store):
    job_id = await submitted(client)
    for _ in range(2):
        answer = await client.delete(f"/api/v1/status/{job_id}")
        assert answer.status_code == 200
        body = answer.json()
        assert (body["status"], body["error_code"]) == ("failed", "cancelled")
        assert body["error"].startswith("upscale failed: ")
    assert await store.storage.folders() == {}
    assert await store.lease("holder", 0.0, 0.01) is None
    assert (await client.get(f"/api/v1/download/{job_id}")).status_code == 409


async def test_a_running_job_is_cancelled_and_its_holder_hears_of_it(client, store):
    job_id = await submitted(client)
    grant = await store.lease("holder", 0.0, 1.0)
    assert (await client.delete(f"/api/v1/status/{job_id}")).status_code == 202
    assert await store.report({job_id: Report(grant.fence, 50)}) == [job_id]
    assert (await client.delete(f"/api/v1/status/{job_id}")).status_code == 200
    assert await store.storage.folders() == {}


async def test_a_result_is_deleted(client, store):
    job_id = await finished(store)
    for _ in range(2):
        answer = await client.delete(f"/api/v1/status/{job_id}")
        assert (answer.status_code, answer.json()["result"]) == (200, "deleted")
        assert "download_url" not in answer.json()
    assert await store.storage.folders() == {}
    gone = await client.get(f"/api/v1/download/{job_id}")
    assert (gone.status_code, gone.json()["code"]) == (410, "deleted")


async def test_a_job_that_is_not_known_cannot_be_deleted(client):
    answer = await client.delete("/api/v1/status/1")
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert_is_problem(answer)
