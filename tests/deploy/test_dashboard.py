"""The dashboard as Grafana will read it. That its expressions find something, tests/monitoring sees."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest

from deployments.metrics import catalogue as figures
from tests.monitoring.prometheus import DASHBOARD
from tests.monitoring.selectors import OF_PROMETHEUS, family, grouped_by, matchers_in, metrics_in

WHOLE = json.loads(DASHBOARD.read_text())
PANELS = WHOLE["panels"]
SHOWN = [(panel, target) for panel in PANELS for target in panel.get("targets", [])]
OURS = {metric.exposed_name: metric for metric in figures.ALL}


def test_every_figure_of_the_catalogue_is_shown_and_no_other():
    shown = {family(metric) for _, target in SHOWN for metric in metrics_in(target["expr"])}
    assert {metric for metric in shown if metric.startswith("ray_upscaler")} == set(OURS)


@pytest.mark.parametrize(("panel", "target"), SHOWN, ids=lambda of: of.get("title", of.get("refId")))
def test_an_expression_goes_by_labels_that_there_are(panel, target):
    (metric,) = {family(metric) for metric in metrics_in(target["expr"])}
    used = grouped_by(target["expr"]) | {label for _, label, _ in matchers_in(target["expr"])}
    if metric in OURS:
        assert used - OF_PROMETHEUS <= set(OURS[metric].labels)
    assert all(f"{{{{{label}}}}}" in target["legendFormat"] for label in grouped_by(target["expr"]) - {"le"})
    assert ("job", "$job") in {(label, pattern) for _, label, pattern in matchers_in(target["expr"])}


def test_panels_have_their_own_numbers_and_places():
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert not [(one["title"], other["title"]) for one, other in combinations(PANELS, 2) if _overlap(one, other)]
    assert all(place["x"] + place["w"] <= 24 for place in (panel["gridPos"] for panel in PANELS))


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    a, b = one["gridPos"], other["gridPos"]
    apart = (
        a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
    )
    return not apart


def test_it_asks_the_prometheus_that_is_chosen():
    variables = {variable["name"]: variable for variable in WHOLE["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert all(target["datasource"] == panel["datasource"] == chosen for panel, target in SHOWN)
    assert variables["job"]["datasource"] == WHOLE["annotations"]["list"][0]["datasource"] == chosen
    assert WHOLE["uid"]
    assert "id" not in WHOLE  # Grafana gives one
