"""A cluster of two machines that share a directory: one of them is lost, with jobs on it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ray.serve import Application

from deployments.app import build_app
from deployments.settings import ModelSettings, Settings, UpscalerSettings
from tests.faults.checks import all_end_well, many, nothing_is_left, solo_results
from tests.faults.clients import Client
from tests.nodes import Nodes, served_on_nodes
from tests.pictures import png
from tests.system import BEST, FAST

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


def one_replica_a_node(storage: Path) -> Application:
    return build_app(
        Settings(
            storage_url=str(storage),
            models=ModelSettings(default=FAST),
            upscaler=UpscalerSettings(device="cpu", num_cpus=1, min_replicas=2, max_replicas=2, replicas_per_host=2),
        )
    )


@pytest.fixture
def two_nodes(tmp_path) -> Iterator[Nodes]:
    with served_on_nodes(one_replica_a_node, tmp_path / "storage", {"num_cpus": 1}) as nodes:
        yield nodes


def test_a_node_is_lost_with_jobs_on_it(two_nodes):
    client = Client(two_nodes)
    solo = solo_results(two_nodes)
    long_ones = [client.submit(png(seed, 300, 300), BEST) for seed in (110, 111)]  # one for each node
    others = many(client, solo)
    give_up_at = time.monotonic() + 60
    while not all(client.look(history)["progress"] > 0 for history in long_ones):
        assert time.monotonic() < give_up_at
        time.sleep(0.1)
    two_nodes.cluster.remove_node(two_nodes.workers[0], allow_graceful=False)
    all_end_well(client, [*long_ones, *others])
    assert sorted(history.ended["attempt"] for history in long_ones if history.ended) == [1, 2]
    assert nothing_is_left(two_nodes, 30)
    assert httpx.get(f"{two_nodes.url}/api/v1/status/1").status_code == httpx.codes.NOT_FOUND
