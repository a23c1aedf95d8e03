"""A real Prometheus with the shipped configuration and rules, and what is asked of it."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.ports import free_port

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring"
ALERTS, CONFIG, DASHBOARD = FOLDER / "alerts.yml", FOLDER / "prometheus.yml", FOLDER / "dashboard.json"
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="Prometheus is not installed (Debian: apt-get install prometheus)",
)
SCRAPE_S, STARTS_S = 2, 20.0
RATE_INTERVAL_S = 10 * SCRAPE_S
"""About what Grafana would put for $__rate_interval."""


@dataclass(frozen=True)
class Prometheus:
    url: str

    def ask(self, path: str, **parameters: Any) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()["data"]

    def series(self, expression: str) -> list[dict[str, Any]]:
        """An instant query."""
        return self.ask("query", query=expression)["result"]

    def values(self, expression: str, since: float) -> list[float]:
        """The numbers of all series of a graph from then on. NaN is none: Grafana draws nothing for it."""
        graph = self.ask("query_range", query=expression, start=since, end=time.time(), step=SCRAPE_S)["result"]
        found = [float(value) for series in graph for _, value in series["values"]]
        return [value for value in found if not math.isnan(value)]

    def firing(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self.alerts() if alert["state"] == "firing"}

    def alerts(self) -> list[dict[str, Any]]:
        return self.ask("alerts")["alerts"]


def expressions() -> list[tuple[str, str]]:
    """Title and expression of everything on the shipped dashboard, as Grafana sends them when all is chosen."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [(panel["title"], as_sent(target["expr"])) for panel in panels for target in panel.get("targets", [])]


def as_sent(expression: str) -> str:
    sent = expression.replace("$__rate_interval", f"{RATE_INTERVAL_S}s").replace("$__range", "5m").replace("$job", ".*")
    assert "$" not in sent, sent
    return sent


@contextlib.contextmanager
def scraping(folder: Path, targets: Path) -> Iterator[Prometheus]:
    """A Prometheus with the shipped files, but that it looks every two seconds, at what the file `targets` names."""
    config = yaml.safe_load(CONFIG.read_text())
    config["global"] = {"scrape_interval": f"{SCRAPE_S}s", "evaluation_interval": f"{SCRAPE_S}s"}
    config["scrape_configs"][0]["file_sd_configs"][0]["files"] = [str(targets)]
    folder.mkdir()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(ALERTS, folder)
    port, log = free_port(), folder / "log"
    where = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with log.open("w") as output:
        command = ["prometheus", *where, f"--web.listen-address=127.0.0.1:{port}"]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        until(lambda: _is_ready(prometheus, process, log), "Prometheus starts", STARTS_S)
        yield prometheus
    finally:
        process.terminate()
        process.wait(STARTS_S)


def _is_ready(prometheus: Prometheus, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{prometheus.url}/-/ready").status_code == httpx.codes.OK
    return False


def until(condition: Callable[[], Any], what: str, patience_s: float) -> float:
    """Wait for a condition; the seconds that it took."""
    began_at = time.monotonic()
    while not condition():
        assert time.monotonic() - began_at < patience_s, f"in vain: {what}"
        time.sleep(0.2)
    return time.monotonic() - began_at


def becomes(wanted: Any, found: Callable[[], Any], patience_s: float) -> float:
    """Wait until what is found is what is wanted; tells both when it never is. The seconds that it took."""
    began_at = time.monotonic()
    while (now := found()) != wanted:
        assert time.monotonic() - began_at < patience_s, f"{now} instead of {wanted}"
        time.sleep(0.2)
    return time.monotonic() - began_at
