"""A service on two nodes of which the head can be lost alone: what it knows is in Redis, as deploy/kuberay has it."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import yaml
from ray.util import get_node_ip_address

from tests.ports import free_port
from tests.service.calls import eventually
from tests.system import DOWN_S, UP_S, System

REDIS, UNSHARE = shutil.which("redis-server"), shutil.which("unshare")
ALONE = [str(UNSHARE), "--pid", "--fork", "--mount-proc", "--kill-child"]
"""In a namespace of processes of its own, as in a pod: it sees no other node's, and all of it ends at once."""


def what_is_missing() -> str | None:
    """Why this cannot be had here."""
    if REDIS is None:
        return "redis-server is not installed (Debian: apt-get install redis-server)"
    if UNSHARE is None or subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        return "namespaces of processes cannot be made here"
    return None


class TwoNodes(System):
    """A head without processors, and a node with one. Both have a proxy, on the same port."""

    def start(self) -> None:
        self._scratch = tempfile.mkdtemp(prefix="up", dir="/tmp")
        self._redis_port, self._head_port, self._dashboard_port, self._client_port = (free_port() for _ in range(4))
        self._password = secrets.token_hex(8)
        self._redis = self._run(
            [
                *(str(REDIS), "--dir", self._scratch, "--port", str(self._redis_port)),
                *("--bind", "127.0.0.1", "--requirepass", self._password),
            ]
        )
        self.start_head()
        address = f"{get_node_ip_address()}:{self._head_port}"
        self._process = self._run(self._ray("worker", "--address", address, "--num-cpus", "1"))
        self.config.write_text(
            yaml.safe_dump(yaml.safe_load(self.config.read_text()) | {"proxy_location": "EveryNode"})
        )
        self._deploy(self._dashboard)
        self.wait_until_up()

    def start_head(self) -> None:
        """Return when it can be asked."""
        options = {
            "--port": self._head_port,
            "--dashboard-port": self._dashboard_port,
            "--ray-client-server-port": self._client_port,
            "--redis-password": self._password,
            "--num-cpus": 0,
        }
        words = [str(word) for option in options.items() for word in option]
        self._head = self._run(
            [*ALONE, *self._ray("head", "--head", *words)],
            RAY_REDIS_ADDRESS=f"127.0.0.1:{self._redis_port}",
            RAY_external_storage_namespace="upscaler",
        )
        eventually(self._answers, "the head answers", UP_S)

    def kill_head(self) -> None:
        """`kill -9` to all of its processes."""
        self._head.kill()
        self._head.wait(DOWN_S)

    def kill_everything(self) -> None:
        self.kill_head()
        self._redis.kill()
        self._redis.wait(DOWN_S)
        super().kill_everything()

    def _ray(self, name: str, *words: str) -> list[str]:
        ray = str(Path(sys.executable).with_name("ray"))
        ports = ["--dashboard-agent-listen-port", str(free_port())]
        return [ray, "start", "--block", "--temp-dir", f"{self._scratch}/{name}", *ports, *words]

    @property
    def _dashboard(self) -> str:
        return f"http://127.0.0.1:{self._dashboard_port}"

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self._dashboard}/api/version", timeout=5).is_success
        except httpx.HTTPError:
            return False
