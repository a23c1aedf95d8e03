"""PngWriter: what it writes is what Pillow reads, however the rows came."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from upscaler.pictures import png
from upscaler.pictures.png import PngWriter

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def written(pixels: np.ndarray, cuts: list[int], **options) -> io.BytesIO:
    height, width, channels = pixels.shape
    file = io.BytesIO()
    writer = PngWriter(file, width, height, channels, **options)
    for start, stop in zip([0, *cuts], [*cuts, height], strict=True):
        writer.write(pixels[start:stop])
    writer.close()
    file.seek(0)
    return file


def chunks(file: io.BytesIO) -> Iterator[tuple[bytes, bytes]]:
    assert file.read(8) == b"\x89PNG\r\n\x1a\n"
    while head := file.read(8):
        length, kind = struct.unpack(">I4s", head)
        body = file.read(length)
        assert struct.unpack(">I", file.read(4))[0] == zlib.crc32(kind + body)
        yield kind, body


def random_pixels(height: int, width: int, channels: int, dtype=np.uint8) -> np.ndarray:
    values = np.random.default_rng(height * width).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype)
    values[height // 2 :] = 7  # and something flat
    return values


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), channels=st.integers(1, 4), data=st.data(),
)  # fmt: skip
def test_every_pixel_comes_back(height, width, channels, data):
    cuts = sorted(data.draw(st.sets(st.integers(0, height), max_size=4)))
    pixels = random_pixels(height, width, channels)
    with Image.open(written(pixels, cuts)) as image:
        assert image.mode == MODES[channels]
        assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def test_a_picture_of_many_bands_comes_back(monkeypatch):
    monkeypatch.setattr(png, "BAND_BYTES", 1000)
    pixels = random_pixels(100, 130, 3)
    with Image.open(written(pixels, [1, 60])) as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_16_bits_come_back():
    pixels = random_pixels(50, 30, 1, np.uint16)
    with Image.open(written(pixels, [20], bit_depth=16)) as image:
        assert np.array_equal(np.asarray(image), pixels[..., 0])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_are_filtered_by_bytes_and_stored_high_byte_first(channels):
    pixels = random_pixels(20, 9, channels, np.uint16)
    data = b"".join(body for kind, body in chunks(written(pixels, [], bit_depth=16)) if kind == b"IDAT")
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(20, -1)
    assert set(rows[:, 0]) == {3}
    decoded, step = np.zeros((20, 9 * channels * 2), int), 2 * channels
    for y, line in enumerate(rows[:, 1:].astype(int)):
        for x, value in enumerate(line):  # the decoder of the specification, to the letter
            left = decoded[y, x - step] if x >= step else 0
            above = decoded[y - 1, x] if y else 0
            decoded[y, x] = (value + (left + above) // 2) % 256
    assert np.array_equal(decoded.astype(np.uint8).tobytes(), pixels.astype(">u2").tobytes())


def test_the_profile_is_kept():
    with Image.open(written(random_pixels(3, 3, 3), [], icc=b"profile")) as image:
        assert image.info["icc_profile"] == b"profile"


@pytest.mark.parametrize("height", [4, 6])
def test_a_picture_with_other_rows_than_its_own_is_not_finished(height):
    writer = PngWriter(io.BytesIO(), 3, height, 3)
    writer.write(random_pixels(5, 3, 3))
    with pytest.raises(ValueError, match="got 5"):
        writer.close()


def test_rows_of_another_size_are_refused():
    writer = PngWriter(io.BytesIO(), 3, 5, 3)
    with pytest.raises(ValueError, match="reshape"):
        writer.write(random_pixels(5, 4, 3))


def test_an_enlarged_picture_is_not_much_larger_than_pillows():
    with Image.open(Path(__file__).parents[3] / "golden" / "x4plus.png") as image:
        golden_pixels = np.asarray(image.convert("RGB"))
    pillow = io.BytesIO()
    Image.fromarray(golden_pixels).save(pillow, "PNG")
    assert len(written(golden_pixels, []).getvalue()) < 1.25 * len(pillow.getvalue())
