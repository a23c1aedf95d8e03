"""The Engine: one thread that owns the device and lets passes take turns on it."""

from __future__ import annotations

import logging
import queue
import threading
import time
import traceback
from concurrent.futures import Future
from dataclasses import dataclass

import torch

from upscaler.device import Device
from upscaler.errors import CancelledError, DeviceError
from upscaler.model import Model, Pieces
from upscaler.scheduler import Scheduler
from upscaler.transfer import Pixels

log = logging.getLogger(__name__)

CPU_QUANTUM_S = 0.25
CUDA_QUANTUM_S = 0.05
SMALL_SHARE, RESERVE_SHARE = 1 / 32, 1 / 8
"""What of the memory for passes side by side a small one needs at most, and what is kept for such beside it."""

PATIENCE = 32
"""How often a pass that waits for memory is overtaken before it comes first."""

MAX_PASSES = 256
"""Passes on hand at once; `submit` raises queue.Full beyond it. Callers hold a few."""


ALLOCATOR = "DefaultCPUAllocator"
"""torch's word when the processor's memory is at an end; its error has no class of its own."""


class Pass:
    """One picture's way through a model. `result` resolves to its enlarged pixels, (H·n, W·n, 3)."""

    def __init__(self, model: Model, pixels: Pixels) -> None:
        height, width, _ = pixels.shape
        self.result: Future[Pixels] = Future()
        self.result.set_running_or_notify_cancel()  # from here only `cancel` calls it off, never a waiter that left
        dtype = model.dtype_for(pixels)
        self.bytes_needed = model.bytes_needed(height, width, dtype)
        self.flop_per_s = model.flop_per_s(dtype)
        self.pieces: Pieces = model.upscale(pixels)
        self._total_flop = model.flop(height, width, dtype)
        self._done_flop = 0
        self._cancelled = threading.Event()
        self.times_overtaken = 0

    @property
    def progress(self) -> float:
        """Work done of work in all, 0…1. Never falls."""
        return min(1.0, self._done_flop / self._total_flop)

    @property
    def remaining_s(self) -> float:
        """Estimated time that is left, alone on the device."""
        return max(0.0, (self._total_flop - self._done_flop) / self.flop_per_s)

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Take effect before the next piece: `result` then raises CancelledError."""
        self._cancelled.set()

    def advance(self, flop: int) -> float:
        """Note work done; returns its estimated seconds."""
        self._done_flop += flop
        return flop / self.flop_per_s


@dataclass(frozen=True, slots=True)
class Tally:
    """What an engine has done so far: pieces of work, and the seconds that they took."""

    num_pieces: int
    busy_s: float


class Engine:
    """Runs passes side by side, in quanta. `start()` it, `submit()` from any thread, `close()` it."""

    def __init__(self, device: Device) -> None:
        quantum_s = CUDA_QUANTUM_S if device.torch_device.type == "cuda" else CPU_QUANTUM_S
        self._scheduler: Scheduler[Pass] = Scheduler(quantum_s)
        self._budget_bytes = 2 * device.memory_budget_bytes
        self._reserved_bytes = 0
        self._inbox: queue.SimpleQueue[Pass | None] = queue.SimpleQueue()
        self._waiting: list[Pass] = []
        self._closing = False
        self._door = threading.Lock()
        self._closed = False
        self._places = threading.BoundedSemaphore(MAX_PASSES)
        self._piece_began_at: float | None = None
        self.tally = Tally(0, 0.0)
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop after the piece in hand. What is unfinished is cancelled."""
        with self._door:
            self._closed = True
            self._inbox.put(None)
        if self._thread.ident is None:  # never started
            self._receive()
            self._abandon()
        else:
            self._thread.join()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def busy_s(self) -> float:
        """How long the piece in hand has taken so far; 0 between two pieces."""
        began_at = self._piece_began_at
        return 0.0 if began_at is None else time.monotonic() - began_at

    def submit(self, model: Model, pixels: Pixels) -> Pass:
        """Queue a picture. Errors of its computation come out of `Pass.result`, and only there.

        Raises queue.Full when MAX_PASSES are on hand, CancelledError when the engine was closed.
        """
        work = Pass(model, pixels)
        with self._door:  # what has got in is answered, also by an engine that is being closed
            if self._closed:
                raise CancelledError("the engine was closed")
            if not self._places.acquire(blocking=False):
                raise queue.Full
            self._inbox.put(work)
        return work

    def step(self) -> None:
        """Give one piece to the pass whose turn it is."""
        work = self._scheduler.next()
        if work is None:
            return
        if work.cancelled:
            self._end(work, CancelledError("cancelled"))
            return
        self._piece_began_at = time.monotonic()
        try:
            self._scheduler.charge(work, work.advance(next(work.pieces)))
        except StopIteration as finished:
            self._end(work, finished.value)
        except Exception as error:  # a pass fails alone, whatever befell it
            log.exception("a pass failed")
            traceback.clear_frames(error.__traceback__)  # they hold the pass's maps, and the error outlives it
            self._end(work, _plainly(error))
        finally:
            self.tally = Tally(self.tally.num_pieces + 1, self.tally.busy_s + self.busy_s)
            self._piece_began_at = None

    def _end(self, work: Pass, outcome: Pixels | Exception) -> None:
        work.pieces.close()
        self._scheduler.remove(work)
        self._reserved_bytes -= work.bytes_needed
        self._answer(work, outcome)

    def _answer(self, work: Pass, outcome: Pixels | Exception) -> None:
        self._places.release()
        if isinstance(outcome, Exception):
            work.result.set_exception(outcome)
        else:
            work.result.set_result(outcome)

    def _admit(self) -> None:
        """Start what is waiting as far as memory goes. Who has to wait for it is overtaken by those who
        need less, but not for ever."""
        held_up: list[Pass] = []
        for work in list(self._waiting):
            if not work.cancelled and not self._has_room_for(work):
                held_up.append(work)
            elif work.cancelled or all(other.times_overtaken < PATIENCE for other in held_up):
                for other in held_up:
                    other.times_overtaken += 1
                self._begin(work)

    def _has_room_for(self, work: Pass) -> bool:
        """Whatever is alone may always start. What is small has a reserve, so that it does not wait for
        memory behind large ones."""
        is_small = work.bytes_needed <= SMALL_SHARE * self._budget_bytes
        most_bytes = self._budget_bytes * (1 + RESERVE_SHARE if is_small else 1)
        return not len(self._scheduler) or self._reserved_bytes + work.bytes_needed <= most_bytes

    def _begin(self, work: Pass) -> None:
        self._waiting.remove(work)
        self._reserved_bytes += work.bytes_needed
        self._scheduler.add(work)

    def _receive(self) -> None:
        """Take what has come in; wait for it only when there is nothing else to do."""
        while not self._closing:
            try:
                work = self._inbox.get(block=not len(self._scheduler) and not self._waiting)
            except queue.Empty:
                return
            if work is None:
                self._closing = True
            else:
                self._waiting.append(work)

    def _loop(self) -> None:
        with torch.inference_mode():
            while not self._closing:
                self._receive()
                self._admit()
                self.step()
        self._abandon()

    def _abandon(self) -> None:
        while (work := self._scheduler.next()) is not None:
            self._end(work, CancelledError("the engine was closed"))
        for work in self._waiting:
            self._answer(work, CancelledError("the engine was closed"))


def _plainly(error: Exception) -> Exception:
    """The error, or what it means."""
    if isinstance(error, MemoryError) or ALLOCATOR in str(error):
        return DeviceError("the memory is at an end; a smaller memory budget may help")
    return error
