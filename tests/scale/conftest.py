"""The service of configs/gpu.yaml on two nodes with two GPUs each, which are not there."""

from __future__ import annotations

import os

from tests.ray_environment import EDGE_ONLY

os.environ.update(EDGE_ONLY)

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.serve import Application

from deployments.app import build_app
from deployments.settings import Settings
from tests.nodes import Nodes, served_on_nodes
from tests.system import FAST, ROOT

NUM_GPUS = 4
UPSCALER = {
    "max_replicas": NUM_GPUS,
    "replicas_per_host": os.cpu_count(),  # one thread each, wherever the tests run: jobs last for a while
    "drain_s": 0.005,  # in which a GPU would do 250 GFLOP: seconds of a processor
    "idle_s": 1,
}
"""Where the test departs from configs/gpu.yaml."""


def gpu_settings(storage: Path) -> Settings:
    config = yaml.safe_load((ROOT / "configs" / "gpu.yaml").read_text())
    args: dict[str, Any] = config["applications"][0]["args"]
    return Settings.model_validate(
        args | {"storage_url": str(storage), "models": {"default": FAST}, "upscaler": args["upscaler"] | UPSCALER}
    )


def with_fake_gpus(storage: Path) -> Application:
    """What `build_app` makes of configs/gpu.yaml, save that the engines compute on the processor, though Ray
    gives each replica a GPU."""
    ingress = build_app(gpu_settings(storage))._bound_deployment
    settings, serving, upscaler = ingress.init_args
    assert upscaler._bound_deployment.init_args == (settings, "cuda")
    return ingress.bind(settings, serving, upscaler._bound_deployment.bind(settings, "cpu"))


@pytest.fixture
def nodes(tmp_path) -> Iterator[Nodes]:
    two_with_two = ({"num_cpus": 1, "num_gpus": 2}, {"num_cpus": 1, "num_gpus": 2})
    with served_on_nodes(with_fake_gpus, tmp_path / "storage", *two_with_two) as nodes:
        yield nodes
