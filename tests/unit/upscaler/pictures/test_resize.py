"""Resizing in bands is resizing as a whole, in 8 bits and in 16."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.pngs import samples
from upscaler.pictures import resize
from upscaler.pictures.resize import BAND_ROWS, resized


def whole(values: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.LANCZOS))


@pytest.mark.parametrize(("native", "scale"), [(4, 2), (4, 3), (2, 3), (2, 4), (1, 2), (1, 3), (1, 4)])
@pytest.mark.parametrize("rows", [1, 7, 331])
def test_bands_meet_the_rows_that_the_whole_meets(native, scale, rows):
    values = samples(rows * native, 5 * native, 3, np.uint8)
    expected = whole(values, rows * scale, 5 * scale)
    assert np.array_equal(resized(values, rows * scale, 5 * scale), expected)


def test_a_picture_of_more_than_one_band_was_tried():
    assert 2 * BAND_ROWS < 331 * 2


@pytest.mark.parametrize("channels", [0, 3])
def test_16_bits_are_finer_but_not_otherwise(channels, monkeypatch):
    smooth = np.asarray(Image.fromarray(samples(5, 4, 3, np.uint8)).resize((30, 40))) // 2 + 60
    values = smooth if channels else smooth[..., 0]
    deep = resized(values.astype(np.uint16) * 257, 30, 20)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - whole(values, 30, 20)).max() < 1.6
    monkeypatch.setattr(resize, "BAND_ROWS", 12)
    assert np.array_equal(resized(values.astype(np.uint16) * 257, 30, 20), deep)


def test_values_of_the_right_size_are_taken_as_they_are():
    values = samples(4, 3, 3)
    assert resized(values, 4, 3) is values
