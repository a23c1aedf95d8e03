"""nginx with the very files of deploy/nginx, on a loopback port, in front of whatever a test serves."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port

FOLDER = Path(__file__).parents[2] / "deploy" / "nginx"
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
STARTS_S = 10.0
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: apt-get install nginx-light)")

OUTER = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include upscaler.conf;
    server {{
        listen 127.0.0.1:{port};
        set $upscaler http://127.0.0.1:{upstream_port};
        include server.conf;
    }}
}}
"""
"""What is not in the shipped files: where it listens and for whom. nginx.conf says the same of a container."""


@contextlib.contextmanager
def proxying(folder: Path, upstream_port: int) -> Iterator[int]:
    """The port of an nginx in front of `upstream_port`."""
    port = free_port()
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("tls"))
    outer = folder / "outer.conf"  # among the others: nginx looks for what is included beside it
    outer.write_text(OUTER.format(folder=folder, port=port, upstream_port=upstream_port))
    process = subprocess.Popen([str(NGINX), "-c", str(outer), "-e", str(folder / "error.log")])
    try:
        _wait_for(port, process, folder / "error.log")
        yield port
    finally:
        process.terminate()
        process.wait(STARTS_S)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + STARTS_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < give_up_at, log.read_text()
        time.sleep(0.02)
