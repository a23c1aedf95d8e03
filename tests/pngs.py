"""PNGs chunk by chunk, also such as no library would write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

import numpy as np

from upscaler.pictures.chunks import SIGNATURE, Chunk, chunk_bytes

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""By number of channels."""

PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""Of Adam7: first row and column, and the steps of both."""


def ihdr(width: int, height: int, bit_depth: int = 8, colour_type: int = 2, interlaced: int = 0) -> Chunk:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, interlaced)


def idat(pixels: np.ndarray, *, interlaced: bool = False) -> Chunk:
    """(H, W, C) pixels of 8 or 16 bits, without a filter."""
    parts = [pixels[y::dy, x::dx] for y, x, dy, dx in PASSES] if interlaced else [pixels]
    rows = [b"\0" + row.astype(pixels.dtype.newbyteorder(">")).tobytes() for part in parts if part.size for row in part]
    return b"IDAT", zlib.compress(b"".join(rows))


def assembled(chunks: Iterable[Chunk]) -> bytes:
    return SIGNATURE + b"".join(chunk_bytes(kind, data) for kind, data in chunks) + chunk_bytes(b"IEND", b"")


def a_png(pixels: np.ndarray, *extras: Chunk, interlaced: bool = False) -> bytes:
    """The file of (H, W, C) pixels, with `extras` in front of them."""
    height, width, channels = pixels.shape
    head = ihdr(width, height, 8 * pixels.dtype.itemsize, COLOUR_TYPES[channels], int(interlaced))
    return assembled([head, *extras, idat(pixels, interlaced=interlaced)])


def samples(height: int, width: int, channels: int, dtype: type = np.uint16, seed: int = 0) -> np.ndarray:
    """Numbers of the whole range."""
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, (height, width, channels), dtype, endpoint=True)
