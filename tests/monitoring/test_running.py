"""A running service through the eyes of a real Prometheus with the shipped rules: what the dashboard shows, and
what calls somebody."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass

import httpx
import pytest
import yaml

from deployments.jobs.audit import SLACK_S
from deployments.jobs.sweep import TIDY_S
from tests.monitoring.conftest import SEEN_S, STUCK_AFTER_S
from tests.monitoring.load import NAME, NOWHERE, asleep, forgotten_folder, one_of_each
from tests.monitoring.prometheus import ALERTS, becomes, expressions, needs_prometheus, until
from tests.monitoring.selectors import metrics_in
from tests.service.calls import finished

pytestmark = [pytest.mark.service, needs_prometheus]

COUNTED = {
    "accepted": "ray_upscaler_jobs_accepted_total",
    "completed": 'ray_upscaler_jobs_ended_total{outcome="completed"}',
    "cancelled": 'ray_upscaler_jobs_ended_total{outcome="cancelled"}',
    "delivered": 'ray_upscaler_downloads_total{result="delivered"}',
    "kept": 'ray_upscaler_downloads_total{result="kept"}',
    "aborted": 'ray_upscaler_downloads_total{result="aborted"}',
    "unsupported_image_format": 'ray_upscaler_problems_total{code="unsupported_image_format"}',
    "not_found": 'ray_upscaler_problems_total{code="not_found"}',
    "host_not_allowed": 'ray_upscaler_problems_total{code="host_not_allowed"}',
    "job_not_found": 'ray_upscaler_problems_total{code="job_not_found"}',
}


@dataclass(frozen=True)
class Load:
    began_at: float
    done: Counter[str]


@pytest.fixture(scope="module")
def load(service, prometheus) -> Load:
    """Two rounds, the second when the first has been seen: Prometheus counts what changes while it looks."""
    began_at, done = time.time(), Counter[str]()
    for seed in (1, 11):
        done += one_of_each(service, seed)
        becomes(done, lambda: counted(prometheus), SEEN_S)
    return Load(began_at, done)


def counted(prometheus) -> Counter[str]:
    found = {name: prometheus.series(f"sum ({selector})") for name, selector in COUNTED.items()}
    return Counter({name: round(float(series[0]["value"][1])) for name, series in found.items() if series})


@pytest.mark.parametrize(("title", "expression"), expressions())
def test_a_panel_has_something_to_show(load, prometheus, title, expression):
    until(lambda: prometheus.values(expression, load.began_at), f"{title}: {expression}", SEEN_S)


@pytest.mark.parametrize("metric", sorted(metrics_in(ALERTS.read_text())))
def test_what_an_alert_looks_at_is_there(load, prometheus, metric):
    assert prometheus.series(metric)


def test_figures_name_no_job_and_no_file(load, prometheus, service):
    """Whoever reaches the port may read them. Ray's own are there, too."""
    targets = prometheus.ask("targets")["activeTargets"]
    for told in (httpx.get(target["scrapeUrl"], timeout=30).text for target in targets):
        assert not re.search(r'="[^"]*\b\d{19}\b', told)
        assert not [name for name in (NAME, NOWHERE, str(service.storage)) if name in told]


def test_nobody_is_called_when_all_is_well(load, prometheus):
    assert prometheus.firing() == set()
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}
    assert len(rules) == sum(len(group["rules"]) for group in yaml.safe_load(ALERTS.read_text())["groups"])


def test_a_job_that_does_not_get_on_calls_somebody_until_it_does(load, service, prometheus):
    sleeper = asleep(service, 31)

    def is_told() -> bool:
        sleeper.report()
        return "UpscalerJobStuck" in prometheus.firing()

    assert until(is_told, "the stuck job is told", SEEN_S) > STUCK_AFTER_S / 2
    with service.client() as client:  # its lease runs out, and a replica that is awake does it
        assert finished(client, sleeper.job_id)["status"] == "completed"
    becomes(set(), prometheus.firing, SEEN_S)


def test_a_file_that_outlives_its_time_calls_somebody(load, service, prometheus):
    with forgotten_folder(service):
        becomes({"UpscalerFileOverdue", "UpscalerPromiseViolated"}, prometheus.firing, TIDY_S + SLACK_S + SEEN_S)
    becomes({"UpscalerPromiseViolated"}, prometheus.firing, TIDY_S + SLACK_S + SEEN_S)  # of the last hour
