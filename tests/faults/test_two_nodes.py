"""A cluster of two machines that share a directory: one of them is lost, with jobs on it."""

from __future__ import annotations

import gc
import logging
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import ray
from ray import serve
from ray.cluster_utils import Cluster

from deployments.app import build_app
from deployments.settings import ModelSettings, Settings, UpscalerSettings
from tests.faults.checks import all_end_well, many, nothing_is_left, solo_results
from tests.faults.clients import Client
from tests.pictures import png
from tests.ports import free_port
from tests.system import BEST, FAST, ROOT, files_of_jobs

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


@dataclass
class TwoNodes:
    """What `System` is to the other experiments."""

    cluster: Cluster
    worker: object
    url: str
    storage: Path

    def files(self) -> list[Path]:
        return files_of_jobs(self.storage)

    def running_replicas(self) -> int:
        deployment = serve.status().applications["upscaler"].deployments["Upscaler"]
        return deployment.replica_states.get("RUNNING", 0)


@pytest.fixture
def two_nodes(tmp_path, monkeypatch) -> Iterator[TwoNodes]:
    scratch, port = tempfile.mkdtemp(prefix="up", dir="/tmp"), free_port()  # short: Ray puts sockets below it
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RAY_TMPDIR", scratch)  # where it notes that there is a cluster, for others to join
    Path(scratch, "ray").mkdir()
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "temp_dir": scratch, "include_dashboard": False},
    )
    worker = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    settings = Settings(
        storage_url=str(tmp_path / "storage"),
        models=ModelSettings(default=FAST),
        upscaler=UpscalerSettings(device="cpu", num_cpus=1, min_replicas=2, max_replicas=2, replicas_per_host=2),
    )
    serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
    serve.run(build_app(settings), name="upscaler", route_prefix="/")
    yield TwoNodes(cluster, worker, f"http://127.0.0.1:{port}", tmp_path / "storage")
    serve.shutdown()
    ray.shutdown()
    cluster.shutdown()
    close_reserved_ports()
    shutil.rmtree(scratch, ignore_errors=True)


def close_reserved_ports() -> None:
    """Ray leaves the sockets open by which it has looked for free ports: that would be warned of as an error."""
    for found in gc.get_objects():
        if type(found) is socket.socket and found.fileno() >= 0 and found.getsockname() == ("0.0.0.0", 0):  # noqa: S104
            found.close()


def test_a_node_is_lost_with_jobs_on_it(two_nodes):
    client = Client(two_nodes)
    solo = solo_results(two_nodes)
    long_ones = [client.submit(png(seed, 300, 300), BEST) for seed in (110, 111)]  # one for each node
    others = many(client, solo)
    give_up_at = time.monotonic() + 60
    while not all(client.look(history)["progress"] > 0 for history in long_ones):
        assert time.monotonic() < give_up_at
        time.sleep(0.1)
    two_nodes.cluster.remove_node(two_nodes.worker, allow_graceful=False)
    all_end_well(client, [*long_ones, *others])
    assert sorted(history.ended["attempt"] for history in long_ones if history.ended) == [1, 2]
    assert nothing_is_left(two_nodes, 30)
    assert httpx.get(f"{two_nodes.url}/api/v1/status/1").status_code == httpx.codes.NOT_FOUND
