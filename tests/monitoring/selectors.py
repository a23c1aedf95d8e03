"""What of PromQL a test has to know: which figures an expression looks at, and by which labels."""

from __future__ import annotations

import re

METRIC = re.compile(r"\bray_[a-z_]+\b")
SELECTOR = re.compile(r"(?P<metric>\bray_[a-z_]+)(?:\{(?P<labels>[^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
GROUPED = re.compile(r"\bby \(([^)]*)\)")
OF_PROMETHEUS = {"job", "le", "NodeAddress"}
"""Labels that are not in our catalogue: Prometheus' and Ray's own."""


def metrics_in(text: str) -> set[str]:
    return set(METRIC.findall(text))


def matchers_in(expression: str) -> list[tuple[str, str, str]]:
    """Metric, label and pattern of every matcher."""
    return [
        (found["metric"], label, pattern)
        for found in SELECTOR.finditer(expression)
        for label, _, pattern in MATCHER.findall(found["labels"] or "")
    ]


def grouped_by(expression: str) -> set[str]:
    return {label.strip() for labels in GROUPED.findall(expression) for label in labels.split(",")}


def family(metric: str) -> str:
    """A histogram's name without what its series have behind it."""
    return re.sub(r"_(bucket|sum|count)$", "", metric)
