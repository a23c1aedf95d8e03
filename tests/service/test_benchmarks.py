"""Every benchmark runs; no test asserts a time."""

from __future__ import annotations

import asyncio

import httpx
import pytest
import ray
from ray import serve

from benchmarks import overhead, polling
from benchmarks.responsiveness import measure, submit, wait_until_ended
from benchmarks.service import front, peer, soak, store
from benchmarks.service.processes import MARK, VARIABLE, ours
from deployments.jobs.policy import Policy
from deployments.jobs.store import JobStore
from deployments.storage.storage import open_storage
from tests.service.conftest import FAST, Service

pytestmark = pytest.mark.service


def test_responsiveness_runs(service):
    figures = measure(service.url, side=64, seconds=0.5)
    assert set(figures) == {"idle", "busy", "ratio"}
    assert figures["busy"]["requests"] > 1


def test_overhead_runs(service):
    figures = overhead.measure(service.url, side=32, rounds=1, name=FAST)
    assert 0 < figures["engine_to_http"] < 1


def test_polling_runs(service):
    polling.deploy_nothing()
    try:
        figures = polling.measure(httpx.URL(service.url).port, clients=2, seconds=0.2, rounds=1)
    finally:
        serve.delete("nothing")
    assert figures["ratio"] > 0


@pytest.fixture
def beside(service: Service, tmp_path):
    """The service's port, with the peer of `benchmarks.service` beside it."""
    folder = tmp_path / "peer"
    folder.mkdir()
    peer.deploy(folder, 1, 100)
    yield httpx.URL(service.url).port, folder
    serve.delete("peer")


def test_service_front_runs(service, beside):
    port, folder = beside
    options = front.Options(connections=2, seconds=0.3, rounds=1, side=8, downloads=2)
    with service.client() as client:
        planted = [done(client) for _ in range(2)]
    for job_id in planted:
        (folder / job_id).write_bytes(b"a result")
    figures = front.measure(port, options, planted)
    for what in ("submit", "submit_to_isolated", "status", "status_to_actors", "download"):
        assert figures[what]["ratio"]["per_s"] > 0
        assert figures[what]["ours"]["p99_ms"] >= figures[what]["ours"]["p50_ms"] > 0


def done(client: httpx.Client) -> str:
    """A job that has ended."""
    job_id = submit(client, 8)
    wait_until_ended(client, job_id)
    return job_id


def test_service_store_runs(tmp_path):
    async def run():
        jobs = JobStore(open_storage(str(tmp_path)), Policy(max_queued=1000))
        await jobs.start()
        options = store.Options(seconds=0.1, callers=2, live=130, live_seconds=0.3, live_callers=1)
        try:
            return await store.measure(jobs, lambda: asyncio.sleep(0), options)
        finally:
            await jobs.close()

    figures = asyncio.run(run())
    assert figures["live_jobs"] >= 100
    assert figures["submit"]["per_s"] > figures["submit_to_downloaded"]["per_s"] > 0
    assert {"status", "statuses_64", "lease", "report", "submit"} < set(figures["with_live_jobs"])


def test_service_soak_runs(service, monkeypatch):
    monkeypatch.setattr(soak, "REST_S", 0.1)
    options = soak.Options(seconds=1.0, warm_up_s=1.0, connections=1, side=8)
    figures = asyncio.run(soak.measure(httpx.URL(service.url).port, service.storage, options))
    assert figures["walks"] >= 0
    assert {"jobs", "tombstones", "staging"} == set(figures["at_rest"]["found"]["storage"])


def test_service_processes_are_found_by_their_mark(ray_cluster, monkeypatch):
    child = ray.remote(num_cpus=0, runtime_env={"env_vars": {VARIABLE: MARK}})(store.Idle).remote()
    ray.get(child.nothing.remote())
    (found,) = ours().values()
    assert found.rss_bytes > 0
    assert found.descriptors > 0
    ray.kill(child)
