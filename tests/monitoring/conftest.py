"""A real service with short times, and a real Prometheus that looks at it every two seconds."""

from __future__ import annotations

import os
from pathlib import Path

from tests.ray_environment import IN_THIS_PROCESS

os.environ.update(IN_THIS_PROCESS)

import logging
import shutil
import tempfile
from collections.abc import Iterator

import pytest
import ray
from ray import serve

from deployments.app import build_app
from deployments.settings import ModelSettings, Settings, UpscalerSettings
from tests.monitoring.load import FAST, Service
from tests.monitoring.prometheus import Prometheus, scraping, until
from tests.ports import free_port

STUCK_AFTER_S, RESULT_TTL_S, SEEN_S = 5.0, 20.0, 60.0
COLLECTS_MS = 1000
"""How often Ray collects figures; by default every ten seconds."""


@pytest.fixture(scope="session")
def ray_folder() -> Iterator[Path]:
    """Of a Ray that runs. With the dashboard, since it writes down where the figures are."""
    folder = Path(tempfile.mkdtemp(prefix="up", dir="/tmp"))  # short: Ray puts sockets below it
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=True,
        dashboard_port=free_port(),
        log_to_driver=False,
        logging_level=logging.ERROR,
        _temp_dir=str(folder),
        _system_config={"metrics_report_interval_ms": COLLECTS_MS},
    )
    yield folder
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def service(ray_folder, tmp_path_factory) -> Iterator[Service]:
    storage, port = tmp_path_factory.mktemp("storage"), free_port()
    settings = Settings(
        storage_url=str(storage),
        result_ttl_s=RESULT_TTL_S,
        stuck_after_s=STUCK_AFTER_S,
        models=ModelSettings(default=FAST),
        upscaler=UpscalerSettings(dtype="float32"),
    )
    serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
    serve.run(build_app(settings), name="upscaler", route_prefix="/")
    yield Service(f"http://127.0.0.1:{port}", storage)
    serve.shutdown()


@pytest.fixture(scope="session")
def prometheus(service, ray_folder, tmp_path_factory) -> Iterator[Prometheus]:
    targets = ray_folder / "prom_metrics_service_discovery.json"
    with scraping(tmp_path_factory.mktemp("monitoring") / "prometheus", targets) as prometheus:
        until(lambda: prometheus.series("ray_upscaler_queue_jobs"), "Prometheus sees the job store", SEEN_S)
        yield prometheus
