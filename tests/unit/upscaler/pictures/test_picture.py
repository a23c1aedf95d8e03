"""A Picture at its new size, and how large one may be."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.unit.upscaler.doubles import noise, repeated
from upscaler.errors import PictureTooLargeError
from upscaler.pictures.picture import SIDE_LIMIT, Limits, Picture, result_format


def layers(source: Picture) -> list[np.ndarray]:
    """What a model makes of a picture that repeats pixels."""
    return [repeated(layer) for layer in source.layers()]


def a_picture(height: int = 6, width: int = 9, *, alpha: bool = False) -> Picture:
    return Picture(noise(height, width), noise(height, width, 1)[..., 0] if alpha else None, False, b"icc", "webp")


def test_at_the_native_scale_the_pixels_are_taken_as_they_are():
    pixels = repeated(a_picture().pixels)
    assert a_picture().enlarged([pixels], 4).pixels is pixels


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_part_gets_the_size_asked_for(scale):
    source = a_picture(alpha=True)
    result = source.enlarged(layers(source), scale)
    assert (result.height, result.width) == (6 * scale, 9 * scale)
    assert result.alpha.shape == (6 * scale, 9 * scale)
    assert (result.icc_profile, result.format, result.is_gray) == (b"icc", "webp", False)


@pytest.mark.parametrize("scale", [2, 3])
def test_between_scales_stands_lanczos(scale):
    pixels = repeated(a_picture().pixels)
    expected = Image.fromarray(pixels).resize((9 * scale, 6 * scale), Image.Resampling.LANCZOS)
    assert np.array_equal(a_picture().enlarged([pixels], scale).pixels, np.asarray(expected))


def test_full_and_no_alpha_stay_what_they_are():
    for value in (0, 255):
        source = Picture(noise(6, 9), np.full((6, 9), value, np.uint8), False, None, "png")
        assert (source.enlarged(layers(source), 3).alpha == value).all()


LIMITS = Limits(max_input_px=10_000, max_output_px=90_000, max_side_px=900)


@pytest.mark.parametrize(("width", "height", "scale"), [(100, 100, 3), (75, 75, 4), (225, 4, 4)])
def test_a_picture_at_a_limit_is_accepted(width, height, scale):
    LIMITS.check(width, height, scale)


@pytest.mark.parametrize(
    ("width", "height", "scale", "limit"),
    [(101, 100, 2, 10_000), (100, 100, 4, 90_000), (226, 4, 4, 900), (4, 226, 4, 900)],
)
def test_a_picture_over_a_limit_is_refused_with_the_facts(width, height, scale, limit):
    with pytest.raises(PictureTooLargeError) as caught:
        LIMITS.check(width, height, scale)
    assert (caught.value.width, caught.value.height, caught.value.limit) == (width, height, limit)


@pytest.mark.parametrize("wanted", ["png", "jpeg", "webp"])
def test_a_format_that_cannot_hold_the_result_becomes_png(wanted):
    side = SIDE_LIMIT[wanted]
    assert result_format(wanted, side, 1) == result_format(wanted, 1, side) == wanted
    assert result_format(wanted, side + 1, 1) == "png"
