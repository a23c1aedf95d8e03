"""`python -m deployments.run`: start, Ctrl-C, start again on the same storage."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import ray
import yaml

from deployments.jobs.actor import ensure_store
from deployments.jobs.messages import ACTOR_NAME
from deployments.jobs.remote import NAMESPACE
from deployments.settings import LimitSettings, Settings
from tests.pictures import decoded, png
from tests.ray_environment import ROOT
from tests.service.calls import eventually, fetched, finished, submit
from tests.service.conftest import FAST, free_port

pytestmark = pytest.mark.service


@pytest.fixture
def config(tmp_path) -> tuple[Path, str]:
    """A configuration file on a free port, and the address it serves."""
    config, port = yaml.safe_load((ROOT / "serve_config.yaml").read_text()), free_port()
    config["http_options"]["port"] = port
    config["applications"][0]["args"] |= {"storage_url": str(tmp_path / "storage"), "models": {"default": FAST}}
    path = tmp_path / "serve_config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path, f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def serving(path: Path, url: str, log: Path) -> Iterator[tuple[subprocess.Popen, httpx.Client]]:
    """The service in a process of its own, ended by Ctrl-C; it must end cleanly."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, "-m", "deployments.run", str(path)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        with httpx.Client(base_url=url, timeout=30) as client:
            eventually(lambda: answers(client), "the service answers")
            yield process, client
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/openapi.json").status_code == 200
    except httpx.TransportError:
        return False


def test_a_second_start_takes_up_what_the_first_left(config, tmp_path):
    path, url = config
    with serving(path, url, tmp_path / "log") as (_, client):
        done = submit(client, png(1))
        finished(client, done)
        long = submit(client, png(2, 1200, 1200))
    with serving(path, url, tmp_path / "log") as (_, client):
        assert decoded(fetched(client, done)).shape == (80, 96, 3)
        assert finished(client, long)["status"] == "completed"
        refused = subprocess.run(
            [sys.executable, "-m", "deployments.run", str(path)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert refused.returncode == 1
        assert len(refused.stderr.strip().splitlines()) == 1


def test_a_store_of_another_version_is_replaced_and_keeps_its_jobs(ray_cluster, tmp_path):
    old = Settings(store_name="Versioned", storage_url=str(tmp_path / "storage"))
    new = Settings(**(dict(old) | {"limits": LimitSettings(max_queued=7)}))
    try:
        ensure_store(old)
        first = ray.get_actor(old.store_name, NAMESPACE)
        ensure_store(old)
        assert ray.get_actor(old.store_name, NAMESPACE) == first
        ensure_store(new)
        assert ray.get_actor(old.store_name, NAMESPACE) != first
    finally:
        ray.kill(ray.get_actor(old.store_name, NAMESPACE))


def test_a_job_store_that_was_removed_comes_back(client):
    """`ray.kill` ends a detached actor for good: the health check of the Ingress finds that out."""
    job_id = submit(client, png(3, 64, 64))
    finished(client, job_id)
    ray.kill(ray.get_actor(ACTOR_NAME, NAMESPACE))
    eventually(lambda: client.get(f"/api/v1/status/{job_id}").status_code == 200, "the job store is back")
    assert finished(client, submit(client, png(4, 64, 64)))["status"] == "completed"
