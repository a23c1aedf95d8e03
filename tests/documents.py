"""What the documentation has from the code: `make documents` writes it, `make check` compares it.

python -m tests.documents
"""

from __future__ import annotations

import importlib
import json
import tempfile
from pathlib import Path

from deployments.decoder.decoder import Decoder
from deployments.ingress.admission import Admission, Serving
from deployments.ingress.api import create_app
from deployments.ingress.backend import Backend
from deployments.jobs.policy import Policy
from deployments.jobs.store import JobStore
from deployments.metrics import catalogue as figures
from deployments.settings import Settings
from deployments.storage.storage import open_storage
from tests.api import rows
from tests.monitoring.dashboard import DASHBOARD, dashboard
from upscaler.catalogue import load_catalogue

ROOT = Path(__file__).parents[1]
OPENAPI, API_PAGE = ROOT / "docs" / "openapi.json", ROOT / "docs" / "http-api.md"
MONITORING_PAGE = ROOT / "docs" / "monitoring.md"
BEGIN, END = "<!-- table: made by `make documents` -->\n", "<!-- end of table -->\n"
MODULES = ("submit", "submit_refused", "busy", "status", "download", "delete", "about", "access")


def openapi() -> str:
    """The OpenAPI document of a service without keys."""
    settings, catalogue = Settings(), load_catalogue()
    with tempfile.TemporaryDirectory() as folder:
        storage = open_storage(folder)
        serving = Serving(catalogue, tuple(catalogue), settings.models.default, settings.limits.of_pictures(), 1.0)
        app = create_app(Backend(JobStore(storage, Policy()), storage, Admission(serving, Decoder())))
        return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


def api_table() -> str:
    """The decision table, from the tests that hold it true."""
    for name in MODULES:
        importlib.import_module(f"tests.api.test_{name}")
    return rows.markdown()


def api_page() -> str:
    """The page with its table as it has to be."""
    return _with_table(API_PAGE, api_table())


def metrics_table() -> str:
    """Every figure, as Prometheus names it."""
    lines = ["| figure | kind | labels | what it is |", "|---|---|---|---|"]
    for metric in figures.ALL:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(f"| `{metric.exposed_name}` | {metric.kind} | {labels} | {metric.says} |")
    return "\n".join(lines) + "\n"


def monitoring_page() -> str:
    return _with_table(MONITORING_PAGE, metrics_table())


def _with_table(page: Path, table: str) -> str:
    before, rest = page.read_text().split(BEGIN)
    return before + BEGIN + "\n" + table + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    OPENAPI.write_text(openapi())
    API_PAGE.write_text(api_page())
    MONITORING_PAGE.write_text(monitoring_page())
    DASHBOARD.write_text(dashboard())
