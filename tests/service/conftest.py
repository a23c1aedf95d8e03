"""One real Serve application for the whole session: real HTTP, real Ray, real weights."""

from __future__ import annotations

import os
from pathlib import Path

from tests.ray_environment import IN_THIS_PROCESS

os.environ.update(IN_THIS_PROCESS)

import logging
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import ray
from ray import serve

from deployments.app import build_app
from deployments.settings import (
    AccessSettings,
    KeySettings,
    LimitSettings,
    ModelSettings,
    QuotaSettings,
    Settings,
    UpscalerSettings,
)
from tests.ports import free_port

FAST = "realesr-animevideov3"
DTYPE = "float32"  # the same wherever the tests run
RESULT_TTL_S = 20.0


@dataclass(frozen=True)
class Service:
    """Where the running service answers, and where it keeps its files and its logs."""

    url: str
    storage: Path
    logs: Path

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, **options)


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[Path]:
    """Its session's folder."""
    scratch = tempfile.mkdtemp(prefix="up", dir="/tmp")  # short: Ray puts sockets below it
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _temp_dir=scratch,
    )
    yield Path(scratch, "session_latest")
    ray.shutdown()
    shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture(scope="session")
def service(ray_cluster, tmp_path_factory) -> Iterator[Service]:
    storage, port = tmp_path_factory.mktemp("storage"), free_port()
    settings = Settings(
        storage_url=str(storage),
        log_format="json",
        result_ttl_s=RESULT_TTL_S,
        models=ModelSettings(default=FAST),
        upscaler=UpscalerSettings(dtype=DTYPE),
        limits=LimitSettings(max_stored_bytes=4_000_000_000),
        access=AccessSettings(
            origins=("https://friend.example",),
            keys=(KeySettings(name="somebody", sha256="0" * 64, max_jobs=1),),
            without_key=QuotaSettings(max_jobs=100),  # who knows none of these features is served all the same
        ),
    )
    serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
    serve.run(build_app(settings), name="upscaler", route_prefix="/")
    yield Service(f"http://127.0.0.1:{port}", storage, ray_cluster / "logs")
    serve.shutdown()


@pytest.fixture
def client(service) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client
