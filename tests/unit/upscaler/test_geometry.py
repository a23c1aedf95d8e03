"""Bands and tiles: every pixel once, with its context, for every shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upscaler.geometry import MIN_BAND_ROWS, Band, Region, Tile, bands, smallest_core, tiles


@given(height=st.integers(1, 5000), width=st.integers(1, 5000), max_px=st.integers(1, 100_000))
def test_bands_cover_each_row_once_and_none_is_thin(height, width, max_px):
    cuts = bands(height, width, max_px)
    assert [row for band in cuts for row in range(band.start, band.stop)] == list(range(height))
    assert all(band.rows >= min(height, MIN_BAND_ROWS) for band in cuts)
    most = max(MIN_BAND_ROWS, max_px // width)
    assert all(band.rows <= most for band in cuts[:-1])
    assert cuts[-1].rows < most + MIN_BAND_ROWS


@dataclass(frozen=True)
class Problem:
    """What `tiles` is asked."""

    region: Region
    within: Region
    halo: int
    max_px: int
    multiple: int

    def fits(self, height: int, width: int) -> bool:
        return height * width <= self.max_px

    def solved(self) -> list[Tile]:
        return tiles(self.region, self.within, self.halo, self.fits, self.multiple)

    def finest(self) -> list[Tile]:
        return tiles(self.region, self.within, self.halo, lambda *_: False, self.multiple)


@st.composite
def problems(draw) -> Problem:
    multiple = draw(st.sampled_from([1, 2, 4]))
    height, width = draw(st.integers(1, 300)), draw(st.integers(1, 300))

    def part(side: int) -> Band:
        start = draw(st.integers(0, (side - 1) // multiple)) * multiple
        return Band(start, draw(st.integers(start + 1, side)))

    whole = Region.whole(height, width)
    region = draw(st.just(whole) | st.builds(Region, st.just(part(height)), st.just(part(width))))
    return Problem(region, whole, draw(st.integers(0, 60)), draw(st.integers(1, 50_000)), multiple)


@given(problems())
def test_every_pixel_of_the_region_is_in_exactly_one_core(problem):
    covered = np.zeros((problem.within.height, problem.within.width), int)
    for tile in problem.solved():
        covered[tile.core.index] += 1
    expected = np.zeros_like(covered)
    expected[problem.region.index] = 1
    assert np.array_equal(covered, expected)


def _with_halo(core: Band, halo: int, side: int) -> Band:
    return Band(max(0, core.start - halo), min(side, core.stop + halo))


@given(problems())
def test_a_tile_sees_its_core_and_the_halo_that_the_picture_has(problem):
    picture = np.arange(problem.within.height * problem.within.width).reshape(problem.within.height, -1)
    for tile in problem.solved():
        assert tile.seen.rows == _with_halo(tile.core.rows, problem.halo, problem.within.height)
        assert tile.seen.columns == _with_halo(tile.core.columns, problem.halo, problem.within.width)
        assert np.array_equal(picture[tile.seen.index][tile.kept.index], picture[tile.core.index])


@given(problems())
def test_tiles_fit_whenever_the_smallest_do(problem):
    if all(problem.fits(tile.seen.height, tile.seen.width) for tile in problem.finest()):
        assert all(problem.fits(tile.seen.height, tile.seen.width) for tile in problem.solved())
    else:
        assert len(problem.solved()) <= len(problem.finest())


@given(problems())
def test_inner_edges_lie_on_the_grid_and_no_core_is_a_sliver(problem):
    smallest = smallest_core(problem.halo, problem.multiple)
    for tile in problem.solved():
        assert tile.core.rows.start % problem.multiple == tile.core.columns.start % problem.multiple == 0
        assert tile.core.rows.stop == problem.region.rows.stop or tile.core.height >= smallest
        assert tile.core.columns.stop == problem.region.columns.stop or tile.core.width >= smallest


def test_what_fits_whole_is_one_tile():
    whole = Region.whole(70, 90)
    assert tiles(whole, whole, 48, lambda *_: True) == [Tile(whole, whole)]


def test_a_strip_is_cut_along_its_length_only():
    whole = Region.whole(60_000, 100)
    assert {tile.core.columns for tile in tiles(whole, whole, 48, lambda h, w: h * w <= 1_000_000)} == {whole.columns}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("max_px", [1, 97 * 97, 150 * 150, 1_000_000])
@pytest.mark.parametrize(("halo", "multiple"), [(48, 1), (18, 1), (96, 2)])
@pytest.mark.parametrize(("height", "width"), [(1, 60_000), (60_000, 1), (5000, 5000), (1, 1)])
def test_extreme_shapes_are_cut_at_once(height, width, halo, multiple, max_px):
    whole = Region.whole(height, width)
    cut = tiles(whole, whole, halo, lambda h, w: h * w <= max_px, multiple)
    assert sum(tile.core.height * tile.core.width for tile in cut) == height * width
