"""Orientation is applied and then gone, and broken EXIF costs nobody a picture."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from tests.pictures import encoded, picture
from tests.unit.upscaler.pictures.files import FORMATS, HEIGHT, WIDTH, header, read, written
from upscaler.pictures.decoding import Header

ORIENTATION = 0x0112


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_then_gone(name, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = picture(2)
    data = encoded(stored, name, exif=exif, **({} if name == "png" else {"quality": 100}))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert header(data) == Header(name, WIDTH, HEIGHT)  # as stored: no pixel is looked at for it
    found = read(data)
    assert np.array_equal(found.pixels, np.asarray(upright))
    assert read(written(found, "png")).pixels.shape == found.pixels.shape


def test_a_header_is_read_without_the_pixels(monkeypatch):
    def load(_image: Image.Image) -> None:
        raise AssertionError("the pixels were decoded")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    assert header(encoded(picture(2), "png", exif=exif)) == Header("png", WIDTH, HEIGHT)


@pytest.mark.parametrize(("tag", "kind", "value"), [(256, 2, b"wide"), (37380, 8, b"\xff\xff"), (282, 9, b"\xff" * 4)])
def test_broken_exif_does_not_cost_the_picture(tag, kind, value):
    orientation = struct.pack("<HHIHH", ORIENTATION, 3, 1, 6, 0)
    other = struct.pack("<HHI4s", tag, kind, 4 if kind == 2 else 1, value)
    entries = sorted([orientation, other], key=lambda entry: struct.unpack("<H", entry[:2]))
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + b"".join(entries) + b"\0\0\0\0"
    found = read(encoded(picture(2), exif=exif))
    assert found.pixels.shape == (WIDTH, HEIGHT, 3)


def test_the_eight_orientations_are_eight_pictures():
    seen = set()
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        seen.add(read(encoded(picture(2), exif=exif)).pixels.tobytes())
    assert len(seen) == 8
