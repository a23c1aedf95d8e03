"""Numbers of pixels: 8 or 16 bits each, and the ways from one to the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
"""Samples of a picture, uint8 or uint16; one type for all of a picture."""

MAX_8, MAX_16 = 255, 65_535
RED, GREEN, BLUE, HALF = 19_595, 38_470, 7_471, 32_768
"""Weights of the luma of ITU-R BT.601 in 1/65536, as Pillow has them, and what makes a shift round."""


def top(values: Values) -> int:
    """What stands for full intensity."""
    return int(np.iinfo(values.dtype).max)


def to_8_bit(values: Values) -> NDArray[np.uint8]:
    """Rounded to the nearest of 256 levels; the same values where they have 8 bits."""
    if values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    wide = values.astype(np.uint32)
    return ((wide * MAX_8 + MAX_16 // 2) // MAX_16).astype(np.uint8)


def to_gray(pixels: Values) -> Values:
    """The luma of (H, W, 3) pixels, (H, W). Equal channels give just their value."""
    red, green, blue = (pixels[..., c].astype(np.uint32) for c in range(3))
    luma = (red * RED + green * GREEN + blue * BLUE + HALF) >> 16
    return luma.astype(pixels.dtype)


def to_colours(gray: Values) -> Values:
    """(H, W) as (H, W, 3) pixels of equal channels."""
    return np.repeat(gray[..., None], 3, axis=2)
