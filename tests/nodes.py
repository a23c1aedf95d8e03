"""The service on a Ray cluster of several nodes, which all are processes of this machine."""

from __future__ import annotations

import contextlib
import gc
import logging
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import serve
from ray.cluster_utils import Cluster

from tests.ports import free_port
from tests.system import ROOT, files_of_jobs


@dataclass(frozen=True)
class Nodes:
    """What `System` is to other experiments. `workers`: the nodes beside the head, as the cluster has them."""

    cluster: Cluster
    workers: list[Any]
    url: str
    storage: Path

    def files(self) -> list[Path]:
        return files_of_jobs(self.storage)


@contextlib.contextmanager
def served_on_nodes(
    build: Callable[[Path], serve.Application], storage: Path, *workers: dict[str, Any]
) -> Iterator[Nodes]:
    """The application that `build` makes of a storage, on a head of one CPU and on `workers`, described as
    `Cluster.add_node` wants them. One proxy serves all: they have the host in common."""
    with _cluster() as cluster:
        added = [cluster.add_node(**worker) for worker in workers]
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        port = free_port()
        serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
        serve.run(build(storage), name="upscaler", route_prefix="/")
        yield Nodes(cluster, added, f"http://127.0.0.1:{port}", storage)
        serve.shutdown()
        ray.shutdown()


@contextlib.contextmanager
def _cluster() -> Iterator[Cluster]:
    scratch = tempfile.mkdtemp(prefix="up", dir="/tmp")  # short: Ray puts sockets below it
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_TMPDIR", scratch)  # where it notes that there is a cluster, for others to join
        Path(scratch, "ray").mkdir()
        head = {"num_cpus": 1, "num_gpus": 0, "temp_dir": scratch, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()
            _close_reserved_ports()
            shutil.rmtree(scratch, ignore_errors=True)


def _close_reserved_ports() -> None:
    """Ray leaves the sockets open by which it has looked for free ports: that would be warned of as an error."""
    for found in gc.get_objects():
        if type(found) is socket.socket and found.fileno() >= 0 and found.getsockname() == ("0.0.0.0", 0):  # noqa: S104
            found.close()
