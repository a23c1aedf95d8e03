"""A Ray and a Serve of the benchmark's own. On the loopback, but for what HAProxy itself opens in its mode."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from benchmarks.service.processes import MARK, VARIABLE

ENVIRONMENT = {
    "PYTHONPATH": str(Path(__file__).parents[2]),
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),  # of a Ray that ends with this benchmark
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "deployments.edge.callback:middlewares",
}

Proxy = Literal["python", "haproxy"]
FAST = "realesr-animevideov3"


def prepare(proxy: Proxy = "python", *, has_peer: bool = False) -> Path:
    """Set the environment, before Ray is imported; returns a folder for Ray and the storage."""
    scratch = Path(tempfile.mkdtemp(dir="/tmp", prefix="up"))
    os.environ |= ENVIRONMENT | {VARIABLE: MARK}
    if has_peer:
        os.environ["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"] = "benchmarks.service.callback:middlewares"
    if proxy == "haproxy":
        os.environ |= {
            "RAY_SERVE_ENABLE_HA_PROXY": "1",
            "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(scratch / "haproxy" / "haproxy.cfg"),
            "RAY_SERVE_HAPROXY_SOCKET_PATH": str(scratch / "haproxy" / "admin.sock"),
            "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(scratch / "haproxy"),
            "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(scratch / "haproxy" / "state"),
            "RAY_SERVE_HAPROXY_NBTHREAD": str(os.cpu_count()),
        }
    return scratch


@contextlib.contextmanager
def ray_in(scratch: Path) -> Iterator[None]:
    """Ray while the block runs; the folder goes with it."""
    import ray

    ray.init(address="local", include_dashboard=False, log_to_driver=False, _temp_dir=str(scratch))
    try:
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def serving(scratch: Path, port: int, settings: Any) -> Iterator[None]:
    """Our service on `port`."""
    with ray_in(scratch):
        from ray import serve

        from deployments.app import build_app

        serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
        try:
            serve.run(build_app(settings), name="upscaler", route_prefix="/")
            yield
        finally:
            serve.shutdown()
