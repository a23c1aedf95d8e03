"""Pace: how fast jobs really are, and so when one is likely to be done. In memory alone."""

from __future__ import annotations

import math

from deployments.jobs.job import Job
from deployments.jobs.policy import OVERHEAD_S

LEAST_S = 1.0
"""A job estimated to take less says nothing about how fast the device is."""

WEIGHT = 0.3
"""Of the last job in the mean: a handful of them forgets a wrong guess."""


class Pace:
    """Seconds that a job takes for each second it was estimated to take, by model."""

    def __init__(self) -> None:
        self._factors: dict[str, float] = {}

    def learn(self, model: str, estimated_s: float, took_s: float) -> None:
        """A job has been done."""
        if estimated_s < LEAST_S:
            return
        factor = max(0.01, took_s - OVERHEAD_S) / estimated_s
        self._factors[model] = (1 - WEIGHT) * self._factors.get(model, factor) + WEIGHT * factor

    def factor(self, model: str) -> float:
        """That of another model where this one has not been measured: the device is the same."""
        if not self._factors:
            return 1.0
        return self._factors.get(model, sum(self._factors.values()) / len(self._factors))

    def eta_s(self, job: Job, ahead_s: float, num_replicas: int) -> int:
        """Whole seconds until a job that has not ended is likely to be done. `ahead_s`: estimated work that
        comes before it, to be shared by `num_replicas`."""
        estimated_s = ahead_s / max(1, num_replicas) + job.left_s
        return math.ceil(OVERHEAD_S + self.factor(job.record.order.model) * estimated_s)
