"""The engine with its real thread: passes take turns, fail alone, and keep their own pixels."""

from __future__ import annotations

import gc
import queue
import threading
import weakref

import numpy as np
import pytest

from tests.unit.upscaler.doubles import WAIT_S, Gate, PieceModel, cpu, enlarged, noise, repeated
from upscaler.engine import MAX_PASSES, Engine
from upscaler.errors import CancelledError, DeviceError

PIXELS = noise(2, 3)


def broken(n: int) -> None:
    if n == 2:
        raise ValueError("a broken picture")


def test_a_small_pass_ends_before_a_large_one_that_came_first(engine):
    gate, ended = Gate(), []
    large = engine.submit(PieceModel(50, gate), PIXELS)
    gate.wait()
    small = engine.submit(PieceModel(5), PIXELS)
    for name, work in (("large", large), ("small", small)):
        work.result.add_done_callback(lambda _, name=name: ended.append(name))
    gate.open()
    assert np.array_equal(large.result.result(WAIT_S), repeated(PIXELS))
    assert ended == ["small", "large"]


def test_two_passes_take_turns_piece_by_piece(engine):
    gate, order = Gate(), []
    first = engine.submit(PieceModel(4, lambda n: (gate(n), order.append("a"))), PIXELS)
    gate.wait()
    second = engine.submit(PieceModel(4, lambda _: order.append("b")), PIXELS)
    gate.open()
    first.result.result(WAIT_S)
    second.result.result(WAIT_S)
    assert "".join(order) == "abababab"


def test_progress_never_falls_and_ends_at_one(engine):
    seen, passes = [], []
    gate = Gate()

    def note(n: int) -> None:
        gate(n)
        seen.append((passes[0].progress, passes[0].remaining_s))

    passes.append(engine.submit(PieceModel(10, note), PIXELS))
    gate.wait()
    gate.open()
    passes[0].result.result(WAIT_S)
    assert seen == [(n / 10, 10.0 - n) for n in range(10)]
    assert (passes[0].progress, passes[0].remaining_s) == (1.0, 0.0)


def test_a_cancelled_pass_ends_at_its_next_piece_and_the_other_goes_on(engine):
    gate = Gate(at=3)
    model = PieceModel(1000, gate)
    doomed = engine.submit(model, PIXELS)
    gate.wait()
    other = engine.submit(PieceModel(5), PIXELS)
    doomed.cancel()
    gate.open()
    with pytest.raises(CancelledError):
        doomed.result.result(WAIT_S)
    assert doomed.progress <= 4 / 1000
    assert model.closed
    assert np.array_equal(other.result.result(WAIT_S), repeated(PIXELS))


def test_a_pass_that_waits_for_memory_can_be_cancelled_at_once(engine):
    gate = Gate(at=5)
    large = engine.submit(PieceModel(10, gate, needs_bytes=150), PIXELS)
    waiting = engine.submit(PieceModel(10, needs_bytes=150), PIXELS)
    waiting.cancel()
    gate.wait()
    assert waiting.result.done()
    with pytest.raises(CancelledError):
        waiting.result.result(0)
    gate.open()
    large.result.result(WAIT_S)


def test_a_failing_pass_fails_alone(engine):
    gate = Gate()
    good = engine.submit(PieceModel(5, gate), PIXELS)
    bad = engine.submit(PieceModel(5, broken), PIXELS)
    gate.open()
    with pytest.raises(ValueError, match="a broken picture"):
        bad.result.result(WAIT_S)
    assert np.array_equal(good.result.result(WAIT_S), repeated(PIXELS))
    assert engine.alive
    assert np.array_equal(engine.submit(PieceModel(1), PIXELS).result.result(WAIT_S), repeated(PIXELS))


def test_a_failed_pass_holds_nothing_that_it_worked_with(engine):
    class Maps:
        """Stands for gigabytes."""

    held: list[weakref.ref[Maps]] = []

    def fail(_: int) -> None:
        maps = Maps()
        held.append(weakref.ref(maps))
        raise MemoryError

    gc.disable()
    try:
        failed = engine.submit(PieceModel(1, before=fail), noise(1, 1))
        with pytest.raises(DeviceError, match="memory"):
            failed.result.result(WAIT_S)
        assert held[0]() is None
    finally:
        gc.enable()


def test_the_engine_says_how_long_its_piece_has_taken(engine):
    gate = Gate()
    work = engine.submit(PieceModel(2, gate), PIXELS)
    gate.wait()
    first_s = engine.busy_s
    assert engine.busy_s > first_s > 0
    gate.open()
    work.result.result(WAIT_S)
    engine.close()
    assert engine.busy_s == 0


def test_an_engine_that_was_never_started_can_be_closed():
    engine = Engine(cpu())
    waiting = engine.submit(PieceModel(1), noise(1, 1))
    engine.close()
    with pytest.raises(CancelledError):
        waiting.result.result(WAIT_S)


def test_a_waiter_that_leaves_does_not_end_the_engine(engine):
    """asyncio.wrap_future cancels the Future when its task is cancelled."""
    gate = Gate()
    left = engine.submit(PieceModel(3, gate), PIXELS)
    assert not left.result.cancel()
    gate.open()
    assert np.array_equal(left.result.result(WAIT_S), repeated(PIXELS))
    engine.submit(PieceModel(1), PIXELS).result.result(WAIT_S)
    assert engine.alive


def test_closing_cancels_what_is_unfinished():
    engine = Engine(cpu(budget_bytes=100))
    gate = Gate()
    passes = [engine.submit(PieceModel(5, gate, needs_bytes=150), PIXELS)]
    passes += [engine.submit(PieceModel(5, needs_bytes=150), PIXELS) for _ in range(3)]
    engine.start()
    gate.wait()
    closing = threading.Thread(target=engine.close)
    closing.start()
    gate.open()
    closing.join(WAIT_S)
    assert not engine.alive
    for work in passes:
        outcome = work.result.exception(0)
        assert outcome is None or isinstance(outcome, CancelledError)
    assert isinstance(passes[-1].result.exception(0), CancelledError)
    with pytest.raises(CancelledError, match="closed"):
        engine.submit(PieceModel(1), PIXELS)


def test_there_is_a_limit_to_what_is_on_hand(engine):
    gate = Gate()
    passes = [engine.submit(PieceModel(1, gate if n == 0 else broken), PIXELS) for n in range(MAX_PASSES)]
    with pytest.raises(queue.Full):
        engine.submit(PieceModel(1), PIXELS)
    gate.open()
    for work in passes:
        work.result.result(WAIT_S)
    assert engine.submit(PieceModel(1), PIXELS).result.result(WAIT_S) is not None


def test_many_at_once_get_the_pixels_that_each_gets_alone(engine, animevideo):
    pictures = [noise(8 + 3 * seed, 40 - 2 * seed, seed) for seed in range(10)]
    alone = [enlarged(animevideo.upscale(pixels)) for pixels in pictures]
    together = [engine.submit(animevideo, pixels) for pixels in pictures]
    for work, expected in zip(together, alone, strict=True):
        assert np.array_equal(work.result.result(WAIT_S), expected)
        assert work.progress == 1.0


def test_many_threads_may_submit(engine, animevideo):
    pictures = [noise(10, 12 + seed, seed) for seed in range(8)]
    found: dict[int, np.ndarray] = {}

    def use(number: int) -> None:
        found[number] = engine.submit(animevideo, pictures[number]).result.result(WAIT_S)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    for number, pixels in enumerate(pictures):
        assert np.array_equal(found[number], enlarged(animevideo.upscale(pixels)))
