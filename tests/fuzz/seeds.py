"""Pictures to start from: of every kind that the three formats have, small, made here; and those of the corpora."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import PngImagePlugin

from tests.fuzz import png
from tests.fuzz.extras import cmyk_profile, exif, profiles, sound
from tests.pictures import encoded, picture

WIDTH, HEIGHT = 33, 19
MAX_SEED_BYTES = 64 << 10
SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"RIFF")


def made() -> list[bytes]:
    """One of each."""
    return [*_pngs(), *_jpegs(), *_webps()]


def _pngs() -> Iterator[bytes]:
    colours = picture(1, WIDTH, HEIGHT)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield encoded(colours.convert(mode))
    for bits in (1, 2, 4):
        yield encoded(colours.quantize(1 << bits), bits=bits)
    yield encoded(colours.quantize(16), transparency=bytes(range(0, 160, 10)))
    yield encoded(colours, transparency=(1, 2, 3))
    yield encoded(colours.convert("L"), transparency=7)
    text = PngImagePlugin.PngInfo()
    text.add_text("title", "short", zip=True)
    text.add_itxt("comment", "läng", "de", "Kommentar", zip=True)
    for profile in profiles():
        yield encoded(colours, icc_profile=profile)
        yield encoded(colours.quantize(16), icc_profile=profile)
    yield encoded(colours, pnginfo=text, dpi=(300, 300), gamma=0.45, **sound())
    rng = np.random.default_rng(1)
    for colour_type, channels in ((0, 1), (2, 3), (4, 2), (6, 4)):
        values = rng.integers(0, 1 << 16, (HEIGHT, WIDTH * channels), np.uint16)
        yield png.written_plainly(WIDTH, HEIGHT, 16, colour_type, values.astype(">u2").tobytes())
    for depth, colour_type in ((1, 0), (2, 0), (4, 0), (8, 2), (16, 6)):
        yield png.interlaced(WIDTH, HEIGHT, depth, colour_type)


def _jpegs() -> Iterator[bytes]:
    colours = picture(2, WIDTH, HEIGHT)
    for options in (
        {},
        {"progressive": True},
        {"subsampling": "4:1:1"},
        {"subsampling": "4:2:2", "progressive": True},
        {"subsampling": "4:4:4", "quality": 100, "optimize": True},
        {"quality": 1, "restart_marker_blocks": 1},
        {"dpi": (72, 72), "comment": b"a comment", **sound()},
    ):
        yield encoded(colours, "JPEG", **options)
    yield encoded(colours.convert("L"), "JPEG")
    yield encoded(colours.convert("L"), "JPEG", progressive=True)
    yield encoded(colours.convert("CMYK"), "JPEG")
    yield encoded(colours.convert("CMYK"), "JPEG", progressive=True, exif=exif(3))
    yield encoded(colours.convert("CMYK"), "JPEG", icc_profile=cmyk_profile())
    yield encoded(colours, "MPO", save_all=True, append_images=[picture(3, 9, 9)])


def _webps() -> Iterator[bytes]:
    colours = picture(4, WIDTH, HEIGHT)
    for mode in ("RGB", "RGBA"):
        image = colours.convert(mode)
        if mode == "RGBA":
            image.putalpha(picture(5, WIDTH, HEIGHT).convert("L"))
        yield encoded(image, "WEBP", lossless=True)
        yield encoded(image, "WEBP", quality=30)
        yield encoded(image, "WEBP", quality=90, alpha_quality=20, **sound())
    yield encoded(colours.quantize(4).convert("RGB"), "WEBP", lossless=True, quality=100, method=6)
    yield encoded(colours, "WEBP", save_all=True, append_images=[picture(5, WIDTH, HEIGHT)])


def of_corpora(folder: Path, rng: random.Random, most: int = 2000) -> list[bytes]:
    """Small pictures of the corpora, if they are there."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    rng.shuffle(paths)
    found = []
    for path in paths:
        if len(found) < most and path.stat().st_size <= MAX_SEED_BYTES:
            data = path.read_bytes()
            if data.startswith(SIGNATURES):
                found.append(data)
    return found
