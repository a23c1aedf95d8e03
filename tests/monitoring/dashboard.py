"""Grafana's file of the dashboard, made of `panels.py`: `make documents` writes it, `make check` compares it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.monitoring.panels import ROWS, Panel

DASHBOARD = Path(__file__).parents[2] / "deploy" / "monitoring" / "dashboard.json"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
GRID_WIDTH, STAT_HEIGHT, GRAPH_HEIGHT = 24, 4, 8
SCHEMA_VERSION = 39
"""Of Grafana 10.4 and 11; newer ones bring it up to date when they read it."""

VARIABLES = [
    {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
    {
        "name": "job",
        "label": "Service",
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": "label_values(ray_upscaler_queue_jobs, job)", "refId": "job"},
        "refresh": 2,  # whenever another time is chosen
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    },
]


def dashboard() -> str:
    whole = {
        "title": "Upscaler",
        "uid": "upscaler",
        "description": "Jobs, their promise and their speed. What each figure is: docs/monitoring.md.",
        "tags": ["upscaler", "ray"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,  # one time for all panels
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": VARIABLES},
        "annotations": {"list": [_annotations()]},
        "panels": list(_placed()),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _annotations() -> dict[str, Any]:
    """Where an alert fired."""
    return {
        "name": "Alerts",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertname=~"Upscaler.*", alertstate="firing"}',
        "titleFormat": "{{alertname}}",
    }


def _placed() -> Iterator[dict[str, Any]]:
    """Every row and panel from left to right, from top to bottom, each with a number."""
    number, y = 1, 0
    for title, panels in ROWS:
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": _at(0, y, 24, 1),
        }
        number, x, y = number + 1, 0, y + 1
        for panel in panels:
            height = STAT_HEIGHT if panel.kind == "stat" else GRAPH_HEIGHT
            yield _panel(panel, number, _at(x, y, panel.width, height))
            number, x = number + 1, x + panel.width
            if x == GRID_WIDTH:
                x, y = 0, y + height
        assert x == 0, f"{title}: a line of panels is not full"


def _at(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(panel: Panel, number: int, at: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "gridPos": at,
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _options(panel),
        "targets": [_target(index, *series) for index, series in enumerate(panel.series)],
    }


def _field(panel: Panel) -> dict[str, Any]:
    if panel.is_bad_above_0:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": 1e-9}]
        return {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}, "noValue": "no figures"}
    stacking = {"mode": "normal" if panel.is_stacked else "none", "group": "A"}
    drawing = {
        "fillOpacity": 30 if panel.is_stacked else 0,
        "lineWidth": 1,
        "showPoints": "never",
        "stacking": stacking,
    }
    return {"unit": panel.unit, "min": 0, "custom": drawing}


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        calculation = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"colorMode": "background", "graphMode": "none", "reduceOptions": calculation}
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def _target(index: int, expression: str, legend: str) -> dict[str, Any]:
    return {"refId": chr(ord("A") + index), "datasource": DATASOURCE, "expr": expression, "legendFormat": legend}
