"""Pictures made by code: deterministic, all different, small."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def picture(seed: int, width: int = 24, height: int = 20) -> Image.Image:
    """Smooth colours with a few hard-edged boxes; another one for every seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x * rng.uniform(0.05, 0.4) + y * rng.uniform(0.05, 0.4) + rng.uniform(0, 6)) for _ in range(3)]
    pixels = (127.5 + 127.5 * np.stack(waves, -1)).astype(np.uint8)
    for _ in range(3):
        top, left = rng.integers(0, height), rng.integers(0, width)
        pixels[top : top + height // 4, left : left + width // 4] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, image_format: str = "PNG", **options: object) -> bytes:
    """The picture as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def png(seed: int, width: int = 24, height: int = 20) -> bytes:
    return encoded(picture(seed, width, height))


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))
