"""Every benchmark runs; no test asserts a time."""

from __future__ import annotations

import httpx
import pytest
from ray import serve

from benchmarks import overhead, polling
from benchmarks.responsiveness import measure
from tests.service.conftest import FAST

pytestmark = pytest.mark.service


def test_responsiveness_runs(service):
    figures = measure(service.url, side=64, seconds=0.5)
    assert set(figures) == {"idle", "busy", "ratio"}
    assert figures["busy"]["requests"] > 1


def test_overhead_runs(service):
    figures = overhead.measure(service.url, side=32, rounds=1, name=FAST)
    assert 0 < figures["engine_to_http"] < 1


def test_polling_runs(service):
    polling.deploy_nothing()
    try:
        figures = polling.measure(httpx.URL(service.url).port, clients=2, seconds=0.2, rounds=1)
    finally:
        serve.delete("nothing")
    assert figures["ratio"] > 0
