"""The header of a WEBP, as Pillow sees it too, but before anything is decoded."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.pictures import encoded, picture
from tests.unit.upscaler.pictures.files import header, read
from upscaler.errors import AnimatedPictureError, InvalidPictureError, PictureError
from upscaler.pictures.webp import webp_header

KINDS = {
    "lossy": encoded(picture(1, 37, 21), "webp"),
    "lossless": encoded(picture(1, 37, 21), "webp", lossless=True),
    "alpha": encoded(picture(1, 37, 21).convert("RGBA").rotate(30, fillcolor=(0, 0, 0, 0)), "webp"),
    "extended": encoded(picture(1, 37, 21), "webp", xmp=b"<x/>"),
    "one row": encoded(picture(1, 16_383, 1), "webp", lossless=True),
}


@pytest.mark.parametrize("data", KINDS.values(), ids=KINDS)
def test_the_sides_are_those_of_the_picture(data):
    assert webp_header(data) == Image.open(io.BytesIO(data)).size
    assert (read(data).width, read(data).height) == webp_header(data)


def test_an_animation_is_refused_and_one_of_a_single_picture_is_not():
    one, two = picture(1), picture(2)
    moving = encoded(one, "webp", save_all=True, append_images=[two], duration=100)
    with pytest.raises(AnimatedPictureError):
        webp_header(moving)
    still = bytearray(KINDS["extended"])
    still[20] |= 0x02  # it says that it moves
    assert webp_header(bytes(still)) == (37, 21)


@pytest.mark.parametrize("data", KINDS.values(), ids=KINDS)
def test_a_header_that_is_cut_off_is_refused(data):
    for cut in range(12, 30):
        try:
            assert webp_header(data[:cut]) == webp_header(data)
        except InvalidPictureError:
            continue
    with pytest.raises(PictureError):
        header(data[:20])


def test_a_canvas_of_any_size_is_told_at_once():
    data = bytearray(KINDS["extended"])
    data[24:30] = b"\xff" * 6
    assert webp_header(bytes(data)) == (1 << 24, 1 << 24)
    assert (header(bytes(data)).width, header(bytes(data)).height) == (1 << 24, 1 << 24)
