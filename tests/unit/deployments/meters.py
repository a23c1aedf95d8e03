"""A meter that remembers what it was told."""

from __future__ import annotations

from collections import Counter, defaultdict

from deployments.metrics.catalogue import Metric

Series = tuple[str, tuple[tuple[str, str], ...]]


def series(metric: Metric, labels: dict[str, str]) -> Series:
    assert set(labels) == set(metric.labels), metric.name
    return metric.name, tuple(sorted(labels.items()))


class Remembered:
    """`Meter`. Says no to labels that a metric does not have, as Ray does."""

    def __init__(self) -> None:
        self._counts: Counter[Series] = Counter()
        self._shown: dict[Series, float] = {}
        self._observed: defaultdict[Series, list[float]] = defaultdict(list)

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        assert metric.kind == "counter"
        assert amount >= 0
        self._counts[series(metric, labels)] += amount

    def show(self, metric: Metric, value: float, **labels: str) -> None:
        assert metric.kind == "gauge"
        self._shown[series(metric, labels)] = value

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        assert metric.kind == "histogram"
        self._observed[series(metric, labels)].append(value)

    def counted(self, metric: Metric, **labels: str) -> float:
        """0 for what was begun and never happened. Raises KeyError for what was never told of."""
        return dict(self._counts)[series(metric, labels)]

    def shown(self, metric: Metric, **labels: str) -> float:
        return self._shown[series(metric, labels)]

    def observed(self, metric: Metric, **labels: str) -> list[float]:
        return self._observed[series(metric, labels)]
