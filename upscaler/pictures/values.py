"""Numbers of pixels: 8 or 16 bits each, and the ways from one to the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
"""Samples of a picture, uint8 or uint16; one type for all of a picture."""

MAX_8, MAX_16 = 255, 65_535
BAND_ROWS = 256
"""Rows at a time: the numbers in between take four times as much memory."""

RED, GREEN, BLUE, HALF = 19_595, 38_470, 7_471, 32_768
"""Weights of the luma of ITU-R BT.601 in 1/65536, as Pillow has them, and what makes a shift round."""


def top(values: Values) -> int:
    """What stands for full intensity."""
    return int(np.iinfo(values.dtype).max)


def to_8_bit(values: Values) -> NDArray[np.uint8]:
    """Rounded to the nearest of 256 levels; the same values where they have 8 bits."""
    if values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    result = np.empty(values.shape, np.uint8)
    for rows in _bands(values):
        result[rows] = (values[rows].astype(np.uint32) * MAX_8 + MAX_16 // 2) // MAX_16
    return result


def to_gray(pixels: Values) -> Values:
    """The luma of (H, W, 3) pixels, (H, W). Equal channels give just their value."""
    luma = np.empty(pixels.shape[:2], pixels.dtype)
    for rows in _bands(pixels):
        red, green, blue = (pixels[rows, :, c].astype(np.uint32) for c in range(3))
        luma[rows] = (red * RED + green * GREEN + blue * BLUE + HALF) >> 16
    return luma


def _bands(values: Values) -> Iterator[slice]:
    return (slice(start, start + BAND_ROWS) for start in range(0, len(values), BAND_ROWS))


def to_colours(gray: Values) -> Values:
    """(H, W) as (H, W, 3) pixels of equal channels."""
    return np.repeat(gray[..., None], 3, axis=2)
