"""When a job is likely to be done: by what jobs like it have taken."""

from __future__ import annotations

import pytest

from deployments.jobs.job import Job
from deployments.jobs.pace import LEAST_S, OVERHEAD_S, Pace
from deployments.jobs.record import JobRecord
from tests.unit.deployments.conftest import an_order

MODEL = an_order().model


def a_job(estimated_s: float, progress: int = 0) -> Job:
    return Job(JobRecord("1", an_order(estimated_s), created_at=0.0), progress)


def test_before_anything_was_measured_the_estimate_stands():
    assert Pace().eta_s(a_job(10.0), 0.0, 1) == 11
    assert Pace().eta_s(a_job(10.0, progress=50), 0.0, 1) == 6


def test_what_was_measured_is_believed():
    pace = Pace()
    for _ in range(20):
        pace.learn(MODEL, 10.0, 20.0 + OVERHEAD_S)
    assert pace.factor(MODEL) == pytest.approx(2.0)
    assert pace.factor("another") == pytest.approx(2.0)
    assert pace.eta_s(a_job(10.0), 0.0, 1) == 21


def test_a_wrong_guess_is_forgotten_in_a_few_jobs():
    pace = Pace()
    pace.learn(MODEL, 10.0, 1000.0)
    for _ in range(10):
        pace.learn(MODEL, 10.0, 10.0 + OVERHEAD_S)
    assert pace.factor(MODEL) < 4


def test_tiny_jobs_say_nothing():
    pace = Pace()
    pace.learn(MODEL, LEAST_S / 2, 30.0)
    assert pace.factor(MODEL) == 1.0


def test_replicas_share_what_is_ahead():
    assert Pace().eta_s(a_job(10.0), 40.0, 4) == 21
    assert Pace().eta_s(a_job(10.0), 40.0, 0) == 51
