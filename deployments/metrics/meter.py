"""How code tells a figure: `Meter`. What is told without a meter is lost, which is right in a test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from deployments.metrics.catalogue import Metric

if TYPE_CHECKING:
    from ray.util.metrics import Counter, Gauge, Histogram

NOTHING = 1e-300
"""Ray refuses to add 0. But a counter that is born with its first event hides that event from Prometheus, which
counts only what has changed while it looked."""


class Meter(Protocol):
    """Never raises for what is told, never waits. Any thread may use it."""

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        """Add to a counter; 0 lets it be seen before there is anything to count."""

    def show(self, metric: Metric, value: float, **labels: str) -> None:
        """Set a gauge. One that is not set again for some seconds is no longer seen."""

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """Sort a value into a histogram."""


class NoMeter:
    """Drops everything."""

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        pass

    def show(self, metric: Metric, value: float, **labels: str) -> None:
        pass

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        pass


UNMETERED: Meter = NoMeter()


class RayMeter:
    """Through Ray's metrics. Only in a process of a Ray cluster."""

    def __init__(self) -> None:
        self._made: dict[str, Counter | Gauge | Histogram] = {}

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        self._of(metric).inc(amount or NOTHING, labels)  # type: ignore[union-attr]

    def show(self, metric: Metric, value: float, **labels: str) -> None:
        self._of(metric).set(value, labels)  # type: ignore[union-attr]

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        self._of(metric).observe(value, labels)  # type: ignore[union-attr]

    def _of(self, metric: Metric) -> Counter | Gauge | Histogram:
        """Two threads may both make one: Ray takes either for the same."""
        if metric.name not in self._made:
            self._made[metric.name] = _make(metric)
        return self._made[metric.name]


def _make(metric: Metric) -> Counter | Gauge | Histogram:
    from ray.util import metrics

    if metric.kind == "histogram":
        return metrics.Histogram(metric.name, metric.says, list(metric.bounds), metric.labels)
    kind = metrics.Counter if metric.kind == "counter" else metrics.Gauge
    return kind(metric.name, metric.says, metric.labels)


@contextmanager
def timed(meter: Meter, metric: Metric, **labels: str) -> Iterator[None]:
    """Observe how long the block took, in seconds, if it came to its end."""
    began_at = time.perf_counter()
    yield
    meter.observe(metric, time.perf_counter() - began_at, **labels)
