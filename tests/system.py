"""The whole service as an operator starts it, in processes that can be killed one by one."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import yaml

from benchmarks.planted import plant
from tests.ports import free_port
from tests.ray_environment import ROOT
from tests.unit.deployments.conftest import ORDER

FAST, BEST = "realesr-animevideov3", "realesrgan-x4plus"
UP_S, DOWN_S = 120.0, 60.0
IT_LIVES = (httpx.codes.NOT_FOUND, httpx.codes.UNAUTHORIZED)
"""What is said of a job that nobody has submitted, without or with keys."""
MARK = "UPSCALER_FAULTS_RUN"


class System:
    """`python -m deployments.run` on a storage and a port of its own. Every process of it carries a mark
    in its environment, by which it is found again."""

    def __init__(self, folder: Path, storage: Path | None = None, **args: object) -> None:
        self.storage, self.port, self._mark = storage or folder / "storage", free_port(), secrets.token_hex(8)
        self.control = folder / "control"
        self.control.mkdir()
        self.url = f"http://127.0.0.1:{self.port}"
        config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
        config["http_options"]["port"] = self.port
        config["applications"][0]["args"] = {"storage_url": str(self.storage), "upscaler": {"device": "cpu"}, **args}
        self.config, self._log = folder / "config.yaml", folder / "log"
        self.config.write_text(yaml.safe_dump(config))
        self._scratch: str | None = None

    def start(self) -> None:
        """Return when it answers."""
        self._scratch = tempfile.mkdtemp(prefix="up", dir="/tmp")  # short: Ray puts sockets below it
        self._process = self._run(self.command)
        self.wait_until_up()

    def _run(self, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        """Begin a process of this run."""
        with self._log.open("a") as log:
            return subprocess.Popen(
                command, cwd=ROOT, env=self.environment | environment, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def command(self) -> list[str]:
        """What `make run` runs."""
        return [sys.executable, "-m", "deployments.run", str(self.config)]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            MARK: self._mark,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "hooks"), str(ROOT)]),
            "UPSCALER_FAULTS_DIR": str(self.control),
            "RAY_TMPDIR": str(self._scratch),
            "RAY_AUTH_MODE": "disabled",
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def redeploy(self, **args: object) -> None:
        """`serve deploy` the configuration with other settings to the running service."""
        config = yaml.safe_load(self.config.read_text())
        config["applications"][0]["args"] |= args
        self.config.write_text(yaml.safe_dump(config))
        self._deploy(re.findall(r"dashboard at.*?(http://[\d.]+:\d+)", self._log.read_text())[-1])

    def _deploy(self, dashboard: str) -> None:
        """`serve deploy` the configuration by the dashboard at an address."""
        serve = str(Path(sys.executable).with_name("serve"))
        command = [serve, "deploy", "--address", dashboard, str(self.config)]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True, capture_output=True, timeout=UP_S)

    def wait_until_up(self) -> float:
        """Seconds until it answered."""
        started_at = time.monotonic()
        while time.monotonic() - started_at < UP_S:
            try:
                if httpx.get(f"{self.url}/api/v1/status/1", timeout=5).status_code in IT_LIVES:
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

    @property
    def address(self) -> str:
        """Of its Ray, where another may run on the same machine."""
        for pid in self.pids():
            with contextlib.suppress(OSError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
                if found := re.search(r"--gcs-address=([^\0 ]+)", command):
                    return found[1]
        raise AssertionError("there is no Ray")

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

    @contextlib.contextmanager
    def paused(self, title: str) -> Iterator[None]:
        """One kind of process stands still."""
        pids = self.pids(title)
        assert pids, f"there is no {title}"
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def rss_bytes(self, *titles: str) -> int:
        """Resident memory of these kinds of processes together."""
        pids = [pid for title in titles for pid in self.pids(title)]
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") for pid in pids)

    def plant(self, result: bytes, *, age_s: float = 0.0) -> str:
        """A completed job with this result, as an earlier life left it; the service takes it up when it starts."""
        return plant(self.storage, replace(ORDER, filename="planted"), result, time.time() - age_s)

    def files(self) -> list[Path]:
        """What is left of jobs in storage: pictures, records of live jobs."""
        return files_of_jobs(self.storage)


def files_of_jobs(storage: Path) -> list[Path]:
    """Files below `jobs`, where folders come and go while we look."""
    return [Path(folder, name) for folder, _, names in os.walk(storage / "jobs") for name in names]
