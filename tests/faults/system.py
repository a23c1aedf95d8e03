"""The whole service as an operator starts it, in processes that can be killed one by one."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import yaml

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
FAST, BEST = "realesr-animevideov3", "realesrgan-x4plus"
UP_S, DOWN_S = 120.0, 60.0
MARK = "UPSCALER_FAULTS_RUN"


class System:
    """`python -m deployments.run` on a storage and a port of its own. Every process of it carries a mark
    in its environment, by which it is found again."""

    def __init__(self, folder: Path, **args: object) -> None:
        self.storage, self.port, self._mark = folder / "storage", free_port(), secrets.token_hex(8)
        self.url = f"http://127.0.0.1:{self.port}"
        config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
        config["http_options"]["port"] = self.port
        config["applications"][0]["args"] = {"storage_url": str(self.storage), "upscaler": {"device": "cpu"}, **args}
        self._config, self._log = folder / "config.yaml", folder / "log"
        self._config.write_text(yaml.safe_dump(config))
        self._scratch: str | None = None

    def start(self) -> None:
        """Return when it answers."""
        self._scratch = tempfile.mkdtemp(prefix="up", dir="/tmp")  # short: Ray puts sockets below it
        environment = os.environ | {
            MARK: self._mark,
            "RAY_TMPDIR": self._scratch,
            "RAY_AUTH_MODE": "disabled",
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        command = [sys.executable, "-m", "deployments.run", str(self._config)]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self.wait_until_up()

    def wait_until_up(self) -> float:
        """Seconds until it answered."""
        started_at = time.monotonic()
        while time.monotonic() - started_at < UP_S:
            try:
                if httpx.get(f"{self.url}/api/v1/status/1", timeout=5).status_code == httpx.codes.NOT_FOUND:
                    return time.monotonic() - started_at
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"the service did not come up: {self._log.read_text()[-2000:]}")

    def pids(self, title: str = "") -> list[int]:
        """Processes of this run whose command line begins so."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and self._is_ours(entry):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if command.startswith(title):
                    found.append(int(entry.name))
        return found

    def _is_ours(self, entry: Path) -> bool:
        try:
            return f"{MARK}={self._mark}".encode() in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def kill(self, title: str) -> None:
        """`kill -9` to one kind of process, which must be there."""
        pids = self.pids(title)
        assert pids, f"there is no {title}"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def kill_everything(self) -> None:
        """`kill -9` to all of it, until nothing is left."""
        give_up_at = time.monotonic() + DOWN_S
        while pids := [pid for pid in self.pids() if pid != os.getpid()]:
            assert time.monotonic() < give_up_at
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.1)
        self._process.wait()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def files(self) -> list[Path]:
        """What is left of jobs in storage: pictures, records of live jobs."""
        return [path for path in (self.storage / "jobs").rglob("*") if path.is_file()]
