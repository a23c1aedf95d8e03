"""Sizes that a model does not give: antialiased Lanczos, in bands of rows, in 8 and in 16 bits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upscaler.pictures.values import Values

LANCZOS_SUPPORT = 3
BAND_ROWS = 240
"""Rows of the result at a time. Times any ratio of two of our scales it is a whole number of rows of the source,
so that a band meets the very rows that the whole would."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def resized(values: Values, height: int, width: int, resample: Image.Resampling = Image.Resampling.LANCZOS) -> Values:
    """(H, W) or (H, W, 3) values at another size, in their own type. The same ones when it is theirs."""
    if values.shape[:2] == (height, width):
        return values
    result = np.empty((height, width, *values.shape[2:]), values.dtype)
    ratio = values.shape[0] / height
    context = math.ceil(LANCZOS_SUPPORT * max(1.0, ratio)) + 1
    for start in range(0, height, BAND_ROWS):
        stop = min(start + BAND_ROWS, height)
        first = max(0, math.floor(start * ratio) - context)
        seen = values[first : math.ceil(stop * ratio) + context]
        box = (0.0, start * ratio - first, float(values.shape[1]), min(stop * ratio - first, len(seen)))
        result[start:stop] = _band(seen, (width, stop - start), box, resample)
    return result


def _band(seen: Values, size: tuple[int, int], box: Box, resample: Image.Resampling) -> NDArray[Any]:
    if seen.dtype == np.uint8:
        return np.asarray(Image.fromarray(np.ascontiguousarray(seen)).resize(size, resample, box))
    if seen.ndim > 2:  # Pillow has floats of one channel only
        return np.stack([_band(seen[..., c], size, box, resample) for c in range(seen.shape[2])], -1)
    plane = Image.fromarray(seen.astype(np.float32)).resize(size, resample, box)
    return np.asarray(plane).clip(0, np.iinfo(np.uint16).max).round()
