"""Every benchmark runs; no test asserts a time."""

from __future__ import annotations

import pytest

from benchmarks.responsiveness import measure

pytestmark = pytest.mark.service


def test_responsiveness_runs(service):
    figures = measure(service.url, side=64, seconds=0.5)
    assert set(figures) == {"idle", "busy", "ratio"}
    assert figures["busy"]["requests"] > 1
