"""Alpha: what is hidden must not be seen, and edges must be as sharp as those of the colours.

Models know nothing of transparency. The colours that a file has under alpha 0 are often arbitrary, and a model would
carry them across the edge. So they are first replaced by what is visible nearby (push and pull over a pyramid:
Gortler et al., The Lumigraph, 1996).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upscaler.pictures.resize import resized
from upscaler.pictures.values import Values, top

STEEP = 1 / 16
"""A step between neighbours of more than this, as a share of the range, is an edge."""

BAND_ROWS = 256

Floats = NDArray[np.float32]


def bled(pixels: Values, alpha: Values) -> Values:
    """(H, W, 3) pixels with other colours under alpha 0: those of what is visible nearby. What is visible stays."""
    hidden = alpha == 0
    if not hidden.any():
        return pixels
    if hidden.all():
        return np.zeros_like(pixels)
    half = _filled(*_halved(pixels, alpha)).round().astype(pixels.dtype)
    result = resized(half, 2 * half.shape[0], 2 * half.shape[1], Image.Resampling.BILINEAR)
    result = result[: pixels.shape[0], : pixels.shape[1]]
    result[~hidden] = pixels[~hidden]
    return result


def has_structure(alpha: Values) -> bool:
    """Whether alpha has edges, for which a model is better than a filter."""
    most = STEEP * top(alpha)
    return any(_steepest(alpha, axis) > most for axis in (0, 1))


def within_neighbours(enlarged: Values, alpha: Values) -> Values:
    """`enlarged` alpha, nowhere beyond what `alpha` has in the 3 × 3 pixels around: what is opaque or transparent
    all around stays so exactly, whatever a model or a filter made of it."""
    height, width = enlarged.shape
    lowest, highest = _extreme(alpha, np.minimum), _extreme(alpha, np.maximum)
    columns = np.arange(width) * alpha.shape[1] // width
    for start in range(0, height, BAND_ROWS):
        rows = np.arange(start, min(start + BAND_ROWS, height))
        at = np.ix_(rows * alpha.shape[0] // height, columns)
        enlarged[rows] = enlarged[rows].clip(lowest[at], highest[at])
    return enlarged


def _steepest(alpha: Values, axis: int) -> int:
    first, second = (alpha[1:], alpha[:-1]) if axis == 0 else (alpha[:, 1:], alpha[:, :-1])
    if not first.size:
        return 0
    return int((np.maximum(first, second) - np.minimum(first, second)).max())


def _extreme(alpha: Values, of: np.ufunc) -> Values:
    """The extreme of each pixel's 3 × 3 neighbourhood."""
    down = alpha.copy()
    of(down[1:], alpha[:-1], out=down[1:])
    of(down[:-1], alpha[1:], out=down[:-1])
    across = down.copy()
    of(across[:, 1:], down[:, :-1], out=across[:, 1:])
    of(across[:, :-1], down[:, 1:], out=across[:, :-1])
    return across


def _halved(colours: NDArray[Any], weights: NDArray[Any]) -> tuple[Floats, Floats]:
    """Means of 2 × 2 pixels by weight, (H/2, W/2, 3) and (H/2, W/2); what has no weight at all is 0."""
    height, width = weights.shape
    means = np.zeros((-(-height // 2), -(-width // 2), 3), np.float32)
    sums = np.zeros(means.shape[:2], np.float32)
    for start in range(0, len(means), BAND_ROWS):
        rows = slice(start, start + BAND_ROWS)
        seen = slice(2 * start, 2 * (start + BAND_ROWS))
        weight = _even(weights[seen].astype(np.float32))
        total = _even(colours[seen].astype(np.float32)) * weight[..., None]
        sums[rows] = weight[::2, ::2] + weight[1::2, ::2] + weight[::2, 1::2] + weight[1::2, 1::2]
        means[rows] = total[::2, ::2] + total[1::2, ::2] + total[::2, 1::2] + total[1::2, 1::2]
    visible = sums > 0
    means[visible] /= sums[visible, None]
    return means, sums


def _even(values: Floats) -> Floats:
    """With a row and a column of zeros more where there is an odd number of them."""
    return np.pad(values, [(0, n % 2) for n in values.shape[:2]] + [(0, 0)] * (values.ndim - 2))


def _filled(means: Floats, weights: Floats) -> Floats:
    """`means`, with those that have no weight taken from the next coarser level."""
    empty = weights == 0
    if not empty.any():
        return means
    coarse = _filled(*_halved(means, weights))
    size = (means.shape[1], means.shape[0])
    for c in range(3):
        plane = Image.fromarray(np.ascontiguousarray(coarse[..., c]))
        box = (0.0, 0.0, size[0] / 2, size[1] / 2)
        means[empty, c] = np.asarray(plane.resize(size, Image.Resampling.BILINEAR, box))[empty]
    return means
