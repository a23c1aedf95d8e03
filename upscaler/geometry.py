"""Integer geometry of pictures: all index arithmetic of the engine lives here.

Coordinates are (row, column) in pixels, half-open: a Region of rows 0 to 8 holds rows 0…7.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

MIN_BAND_ROWS = 8
"""Thinner bands were the only ones not bit-identical to the whole map in fp32 (measured)."""


@dataclass(frozen=True, slots=True)
class Band:
    """Rows `start` to `stop` of a map, over its full width."""

    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start

    def padded(self, halo: int) -> Band:
        return Band(self.start - halo, self.stop + halo)

    def grown(self, halo: int, height: int) -> Band:
        """This band with `halo` more rows on each side, as far as a map of `height` rows has them."""
        return self.padded(halo).clipped(Band(0, height))

    def scaled(self, factor: int) -> Band:
        return Band(self.start * factor, self.stop * factor)

    def clipped(self, outer: Band) -> Band:
        """The rows that both have; of no length or less when they share none."""
        return Band(max(self.start, outer.start), min(self.stop, outer.stop))

    def within(self, outer: Band) -> Band:
        """The same rows, counted from the first row of `outer`."""
        return Band(self.start - outer.start, self.stop - outer.start)

    @property
    def index(self) -> slice:
        return slice(self.start, self.stop)


def bands(height: int, width: int, max_px: int) -> list[Band]:
    """Cut a map into bands of at most `max_px` pixels, but never thinner than MIN_BAND_ROWS."""
    rows = max(MIN_BAND_ROWS, max_px // width)
    starts = list(range(0, height, rows))
    if len(starts) > 1 and height - starts[-1] < MIN_BAND_ROWS:
        starts.pop()
    return [Band(a, b) for a, b in zip(starts, [*starts[1:], height], strict=True)]


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a picture."""

    rows: Band
    columns: Band

    @property
    def height(self) -> int:
        return self.rows.rows

    @property
    def width(self) -> int:
        return self.columns.rows

    @property
    def index(self) -> tuple[slice, slice]:
        return self.rows.index, self.columns.index

    def relative_to(self, outer: Region) -> Region:
        return Region(self.rows.within(outer.rows), self.columns.within(outer.columns))

    def scaled(self, factor: int) -> Region:
        return Region(self.rows.scaled(factor), self.columns.scaled(factor))

    @staticmethod
    def whole(height: int, width: int) -> Region:
        return Region(Band(0, height), Band(0, width))


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a picture that is run alone: what is kept of it, and what it has to see."""

    core: Region
    seen: Region

    @property
    def kept(self) -> Region:
        """The core, counted from the corner of what is seen."""
        return self.core.relative_to(self.seen)


@dataclass(frozen=True, slots=True)
class _Strips:
    """One side of a region, cut: what each strip keeps, and what it sees of the picture."""

    cores: list[Band]
    seen: list[Band]

    @property
    def longest(self) -> int:
        return max(band.rows for band in self.seen)

    @property
    def total(self) -> int:
        return sum(band.rows for band in self.seen)


def _strips(side: Band, within: Band, halo: int, multiple: int, parts: int) -> _Strips:
    """At most `parts` strips of equal length, inner edges on multiples of `multiple`."""
    length = -(-side.rows // parts)
    length = -(-length // multiple) * multiple
    cores = [Band(start, min(start + length, side.stop)) for start in range(side.start, side.stop, length)]
    return _Strips(cores, [core.padded(halo).clipped(within) for core in cores])


def smallest_core(halo: int, multiple: int = 1) -> int:
    """The side below which nothing is cut: nearly all that a smaller tile computes is context."""
    return max(halo, multiple)


def tiles(region: Region, within: Region, halo: int, fits: Callable[[int, int], bool], multiple: int = 1) -> list[Tile]:
    """Cover `region` by tiles that `fits(height, width)` accepts, seeing as few pixels twice as can be.

    Every pixel of `region` is in exactly one core. What a tile sees stays inside the picture
    `within`. `multiple` keeps inner edges on the grid of a pixel-unshuffled input. Tiles whose cores
    are about `smallest_core` a side are taken even if they do not fit: there is nothing sensible
    below. `fits` has to accept whatever is smaller than something it accepts.
    """

    def rows(parts: int) -> _Strips:
        return _strips(region.rows, within.rows, halo, multiple, parts)

    def columns(parts: int) -> _Strips:
        return _strips(region.columns, within.columns, halo, multiple, parts)

    def fitting_rows(width: int) -> _Strips:
        return rows(_least(max_down, lambda parts: fits(rows(parts).longest, width)))

    smallest = smallest_core(halo, multiple)
    max_down, max_across = max(1, region.height // smallest), max(1, region.width // smallest)
    best, best_seen_px = (rows(max_down), columns(max_across)), math.inf
    lowest = best[0].longest
    across = _least(max_across, lambda parts: fits(lowest, columns(parts).longest))
    while across <= min(max_across, 2 * len(best[1].cores)):  # narrower columns only repeat more halo
        wide = columns(across)
        high = fitting_rows(wide.longest)
        if high.total * wide.total < best_seen_px:
            best, best_seen_px = (high, wide), high.total * wide.total
        across = max(across + 1, across * 21 // 20)  # of thousands, a few dozen are enough to try
    return _crossed(*best)


def _least(most: int, accepts: Callable[[int], bool]) -> int:
    """The least of 1…most that is accepted, as all above it are; most + 1 if none is."""
    return bisect_left(range(1, most + 1), True, key=accepts) + 1


def _crossed(rows: _Strips, columns: _Strips) -> list[Tile]:
    return [
        Tile(Region(core_rows, core_columns), Region(seen_rows, seen_columns))
        for core_rows, seen_rows in zip(rows.cores, rows.seen, strict=True)
        for core_columns, seen_columns in zip(columns.cores, columns.seen, strict=True)
    ]
