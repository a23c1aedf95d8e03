"""The alert rules: each fires when it should, and only then."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from deployments.ingress.problems import PROBLEMS
from deployments.metrics import catalogue as figures
from tests.deploy.alert_cases import CASES
from tests.monitoring.prometheus import ALERTS, CONFIG, FOLDER, needs_prometheus
from tests.monitoring.selectors import OF_PROMETHEUS, family, grouped_by, matchers_in, metrics_in

RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
SEVERITIES = {rule["alert"]: rule["labels"]["severity"] for rule in RULES}
FIRING = [case for case in CASES if case.fires is not None]
OURS = {metric.exposed_name: metric for metric in figures.ALL}
PAGE = (FOLDER.parents[1] / "docs" / "monitoring.md").read_text()


def promtool(*arguments: object) -> tuple[int, str]:
    """Its status, and what it says."""
    command = ["promtool", *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@needs_prometheus
def test_prometheus_takes_the_files():
    status, said = promtool("check", "config", CONFIG)
    assert status == 0, said


@needs_prometheus
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}: {case.says}")
def test_it_fires_when_it_should_and_no_other_does(case, tmp_path):
    path = tmp_path / "case.yml"
    path.write_text(yaml.safe_dump(case.document(str(ALERTS), SEVERITIES)))
    status, said = promtool("test", "rules", path)
    assert status == 0, said


@needs_prometheus
@pytest.mark.parametrize("case", FIRING, ids=lambda case: f"{case.alert}: {case.says}")
def test_its_sentences_can_be_read(case, tmp_path):
    """promtool shows an alert when it is told to expect none."""
    document = case.document(str(ALERTS), SEVERITIES)
    document["tests"][0]["alert_rule_test"] = [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": []}]
    path = tmp_path / "case.yml"
    path.write_text(yaml.safe_dump(document))
    _, said = promtool("test", "rules", path)
    summary = re.search(r'summary="([^"]*)"', said)
    assert summary
    assert not re.search("error|no value|%!|{{", summary[1] + said.split("description=")[1].split("summary=")[0])


def test_each_has_a_case_in_which_it_fires_and_one_in_which_it_does_not():
    assert {case.alert for case in CASES if case.fires is not None} == SEVERITIES.keys()
    assert {case.alert for case in CASES if case.fires is None} == SEVERITIES.keys()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_goes_by_figures_and_labels_that_there_are(rule):
    metrics = {family(metric) for metric in metrics_in(rule["expr"])}
    assert metrics <= set(OURS)
    labels = {label for metric in metrics for label in OURS[metric].labels} | OF_PROMETHEUS
    assert grouped_by(rule["expr"]) <= labels
    for metric, label, pattern in matchers_in(rule["expr"]):
        assert label in {*OURS[family(metric)].labels, "le"}
        if label == "code":
            assert set(pattern.split("|")) <= PROBLEMS.keys()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_says_what_to_do(rule):
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert {"summary", "description"} == rule["annotations"].keys()
    assert len(rule["annotations"]["summary"]) < 100 < len(rule["annotations"]["description"])
    assert "://" not in str(rule["annotations"])
    assert re.search(rf"^\| `{rule['alert']}` \| {rule['labels']['severity']} \|", PAGE, re.MULTILINE)


def test_prometheus_keeps_what_the_dashboard_and_the_rules_look_at():
    (kept,) = yaml.safe_load(CONFIG.read_text())["scrape_configs"][0]["metric_relabel_configs"][:1]
    looked_at = metrics_in(ALERTS.read_text()) | metrics_in((FOLDER / "dashboard.json").read_text())
    assert all(re.fullmatch(kept["regex"], metric) for metric in looked_at)
