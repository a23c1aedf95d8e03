"""The engine where memory is short: who may run beside whom, and that nobody waits for ever."""

from __future__ import annotations

import threading

import numpy as np

from tests.unit.upscaler.doubles import WAIT_S, Gate, PieceModel, noise, repeated
from upscaler.engine import PATIENCE

PIXELS = noise(2, 3)


def test_passes_run_side_by_side_only_as_far_as_memory_goes(engine):
    running, most = set(), []

    def model(name: int) -> PieceModel:
        def before(n: int) -> None:
            running.add(name)
            most.append(len(running))
            if n == 3:
                running.remove(name)

        return PieceModel(4, before, needs_bytes=90)

    gate = Gate()
    first = engine.submit(PieceModel(1, gate), PIXELS)
    passes = [engine.submit(model(name), PIXELS) for name in range(6)]
    gate.open()
    for work in [first, *passes]:
        work.result.result(WAIT_S)
    assert max(most) == 2  # the engine plans with twice the budget of 100 that one pass has


def test_a_small_pass_does_not_wait_for_memory_behind_large_ones(engine):
    gate, order = Gate(), []
    large = [engine.submit(PieceModel(9, gate, needs_bytes=100), PIXELS)]
    gate.wait()
    large += [
        engine.submit(PieceModel(9, lambda _, name=name: order.append(name), needs_bytes=100), PIXELS)
        for name in ("second", "third")
    ]
    small = engine.submit(PieceModel(1, lambda _: order.append("small"), needs_bytes=6), PIXELS)
    gate.open()
    for work in (small, *large):
        assert np.array_equal(work.result.result(WAIT_S), repeated(PIXELS))
    assert order.index("second") < order.index("small") < order.index("third")


def test_a_large_pass_is_not_overtaken_for_ever(engine):
    """Each small one has the next one come before it ends, so that there is never a gap."""
    began, passes, gate = threading.Event(), [], Gate()

    def follow(n: int) -> None:
        if n == 0 and not began.is_set() and len(passes) < 10 * PATIENCE:
            passes.append(engine.submit(PieceModel(2, follow, needs_bytes=90), PIXELS))

    first = engine.submit(PieceModel(1, gate), PIXELS)
    gate.wait()
    passes += [engine.submit(PieceModel(2, follow, needs_bytes=90), PIXELS) for _ in range(2)]
    large = engine.submit(PieceModel(1, lambda _: began.set(), needs_bytes=190), PIXELS)
    gate.open()
    for work in (first, large):
        work.result.result(WAIT_S)
    assert len(passes) < 10 * PATIENCE
    for work in passes:
        work.result.result(WAIT_S)


def test_a_pass_that_needs_more_than_there_is_runs_alone(engine):
    assert engine.submit(PieceModel(2, needs_bytes=10**9), PIXELS).result.result(WAIT_S) is not None
