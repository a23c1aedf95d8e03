"""Small real stand-ins, and the few verbs that the tests of the engine share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator

import numpy as np
import torch
from torch import nn

from upscaler.device import Device
from upscaler.geometry import Band
from upscaler.model import Pieces
from upscaler.transfer import Pixels

WAIT_S = 30.0
"""No test waits that long unless it fails."""


def cpu(
    dtype: torch.dtype = torch.float32,
    *,
    band_px: int = 65_536,
    budget_bytes: int = 1 << 30,
    flop_per_s: float = 1e11,
) -> Device:
    """A Device by hand: nothing is measured, so every test run is alike."""
    return Device(torch.device("cpu"), dtype, "chosen by a test", band_px, budget_bytes, flop_per_s)


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def repeated(pixels: Pixels, scale: int = 4) -> Pixels:
    """Each pixel as a block: what the networks below make of a picture."""
    return pixels.repeat(scale, 0).repeat(scale, 1)


def drained(pieces: Pieces) -> tuple[list[int], Pixels]:
    """Run a pass to its end: the FLOP it yielded, and its pixels."""
    yielded = []
    with torch.inference_mode():
        while True:
            try:
                yielded.append(next(pieces))
            except StopIteration as end:
                return yielded, end.value


def enlarged(pieces: Pieces) -> Pixels:
    return drained(pieces)[1]


class GreedyNetwork(nn.Module):
    """Repeats pixels. Where it sees white it needs more memory than it says, and runs out of it."""

    def __init__(self, max_px: int) -> None:
        super().__init__()
        self._max_px = max_px
        self.sizes: list[tuple[int, int]] = []

    def flop(self, height: int, width: int) -> int:
        return height * width

    def fold(self, *, over_planes: bool) -> None:
        """Nothing to change."""

    def map_bytes(self, height: int, width: int, itemsize: int, band_px: int) -> int:
        return height * width * itemsize

    def run(self, x: torch.Tensor, band_px: int, sink: Callable[..., None]) -> Iterator[int]:
        height, width = x.shape[-2:]
        self.sizes.append((height, width))
        if height * width > self._max_px and bool((x == 1.0).any()):
            raise torch.OutOfMemoryError("a test's memory is full")
        sink(Band(0, height * 4), nn.functional.interpolate(x, scale_factor=4, mode="nearest"))
        yield height * width


class PieceModel:
    """A Model of `pieces` pieces, a second each, that calls `before(n)` before the nth."""

    def __init__(self, pieces: int, before: Callable[[int], object] = lambda _: None, needs_bytes: int = 0) -> None:
        self.device = cpu(flop_per_s=1.0, budget_bytes=100)
        self._pieces, self._before, self._needs_bytes = pieces, before, needs_bytes
        self.closed = False

    def dtype_for(self, pixels: Pixels) -> torch.dtype:
        return self.device.dtype

    def flop_per_s(self, dtype: torch.dtype) -> float:
        return self.device.flop_per_s

    def flop(self, height: int, width: int, dtype: torch.dtype) -> int:
        return self._pieces

    def bytes_needed(self, height: int, width: int, dtype: torch.dtype) -> int:
        return self._needs_bytes

    def upscale(self, pixels: Pixels) -> Generator[int, None, Pixels]:
        try:
            for n in range(self._pieces):
                self._before(n)
                yield 1
            return repeated(pixels)
        finally:
            self.closed = True


class Gate:
    """Holds a pass before its nth piece until told to go on."""

    def __init__(self, at: int = 0) -> None:
        self._at, self._reached, self._opened = at, threading.Event(), threading.Event()

    def __call__(self, n: int) -> None:
        if n == self._at:
            self._reached.set()
            assert self._opened.wait(WAIT_S)

    def wait(self) -> None:
        assert self._reached.wait(WAIT_S)

    def open(self) -> None:
        self._opened.set()
