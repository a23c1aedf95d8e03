"""Integer geometry of pictures: all index arithmetic of the engine lives here.

Coordinates are (row, column) in pixels, half-open: a Region of rows 0 to 8 holds rows 0…7.
"""

from __future__ import annotations

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

    def grown(self, halo: int, within: Region) -> Region:
        """This region with `halo` pixels of context, clipped to the region `within`."""
        return Region(self.rows.padded(halo).clipped(within.rows), self.columns.padded(halo).clipped(within.columns))

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


def _evenly(band: Band, parts: int, multiple: int) -> list[Band]:
    """Cut a band into `parts` of equal length, inner edges on multiples of `multiple`."""
    length = -(-band.rows // parts)
    length = -(-length // multiple) * multiple
    starts = range(band.start, band.stop, length)
    return [Band(a, min(a + length, band.stop)) for a in starts]


def tiles(region: Region, within: Region, halo: int, fits: Callable[[int, int], bool], multiple: int = 1) -> list[Tile]:
    """Cover `region` by tiles that `fits(height, width)` accepts, seeing as few pixels twice as can be.

    Every pixel of `region` is in exactly one core. What a tile sees stays inside the picture
    `within`. `multiple` keeps inner edges on the grid of a pixel-unshuffled input. A tile of
    `multiple` pixels a side is taken even if it does not fit: there is nothing smaller to try.
    """
    best: list[Tile] | None = None
    best_seen_px = 0
    for across in range(1, -(-region.width // multiple) + 1):
        grid = _fewest_rows(region, within, halo, fits, multiple, across)
        seen_px = sum(tile.seen.height * tile.seen.width for tile in grid)
        if grid and (best is None or seen_px < best_seen_px):
            best, best_seen_px = grid, seen_px
        if best is not None and across > 2 * len({tile.core.columns for tile in best}):
            break  # narrower columns only repeat more halo from here on
    return best or _grid(region, within, halo, multiple, -(-region.height // multiple), -(-region.width // multiple))


def _fewest_rows(
    region: Region, within: Region, halo: int, fits: Callable[[int, int], bool], multiple: int, across: int
) -> list[Tile]:
    """The grid with the fewest rows whose every tile fits, at `across` tiles a row; [] if there is none."""
    widest = max(tile.seen.width for tile in _grid(region, within, halo, multiple, 1, across))
    low, high = 1, -(-region.height // multiple)
    if not fits(min(within.height, multiple + 2 * halo), widest):
        return []
    while low < high:
        middle = (low + high) // 2
        tallest = max(tile.seen.height for tile in _grid(region, within, halo, multiple, middle, 1))
        low, high = (low, middle) if fits(tallest, widest) else (middle + 1, high)
    return _grid(region, within, halo, multiple, low, across)


def _grid(region: Region, within: Region, halo: int, multiple: int, down: int, across: int) -> list[Tile]:
    cores = [
        Region(rows, columns)
        for rows in _evenly(region.rows, down, multiple)
        for columns in _evenly(region.columns, across, multiple)
    ]
    return [Tile(core, core.grown(halo, within)) for core in cores]
