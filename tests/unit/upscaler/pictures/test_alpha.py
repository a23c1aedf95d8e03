"""Alpha: what is hidden is not seen, edges are sharp, and what is constant stays so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tests.unit.upscaler.doubles import enlarged, noise, repeated
from upscaler.pictures.alpha import bled, has_structure, within_neighbours
from upscaler.pictures.picture import Picture

SIDE, FINE = 48, 8
HIDDEN = [(0, 0, 0), (255, 255, 255), (0, 255, 0)]


def disc() -> np.ndarray:
    """Alpha of a disc and a bar with smooth edges, as drawing programs make them."""
    fine = Image.new("L", (SIDE * FINE, SIDE * FINE), 0)
    ImageDraw.Draw(fine).ellipse((60, 60, 320, 320), fill=255)
    ImageDraw.Draw(fine).rectangle((12, 10, 200, 33), fill=255)
    return np.asarray(fine.resize((SIDE, SIDE), Image.Resampling.BOX))


def colours() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.stack([200 + 0 * x, 60 + 3 * x, 40 + 3 * y], -1).astype(np.uint8)


def sprite(hidden=(0, 0, 0), dtype=np.uint8) -> Picture:
    pixels, alpha, factor = colours(), disc(), 257 if dtype == np.uint16 else 1
    pixels[alpha == 0] = hidden
    return Picture(pixels.astype(dtype) * factor, alpha.astype(dtype) * factor, False, None, "png")


def over(picture: Picture, background: int) -> np.ndarray:
    """What is seen of it, on black or on white."""
    share = picture.alpha[..., None] / np.iinfo(picture.alpha.dtype).max
    return picture.pixels / np.iinfo(picture.pixels.dtype).max * 255 * share + background * (1 - share)


def through(model, picture: Picture, scale: int) -> Picture:
    return picture.enlarged([enlarged(model.upscale(layer)) for layer in picture.layers()], scale)


@pytest.mark.parametrize("background", [0, 255])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_hidden_colour_changes_nothing_that_is_seen(animevideo, scale, background):
    """The limit is two levels; what is hidden does not even reach the model."""
    seen = [over(through(animevideo, sprite(hidden), scale), background) for hidden in HIDDEN]
    assert max(np.abs(seen[0] - other).max() for other in seen[1:]) == 0


@pytest.mark.parametrize("background", [0, 255])
@pytest.mark.parametrize("scale", [2, 4])
def test_no_fringe(animevideo, scale, background):
    """No pixel is darker or lighter than what it lies between: the sprite's colours as the model has them where
    nothing is transparent, and the ground."""
    source = sprite((0, 255, 0))
    seen = over(through(animevideo, source, scale), background)
    solid = through(animevideo, replace(source, pixels=source.layers()[0], alpha=None), scale).pixels.astype(float)
    assert (seen >= np.minimum(solid, background) - 1e-6).all()
    assert (seen <= np.maximum(solid, background) + 1e-6).all()
    assert solid[..., 1].max() < 230  # of the green that was hidden nothing has come through


def test_edges_go_through_the_model_and_are_sharper_than_a_filters(animevideo):
    by_model = through(animevideo, sprite(), 4).alpha
    by_filter = Image.fromarray(disc()).resize((SIDE * 4, SIDE * 4), Image.Resampling.LANCZOS)

    def between(alpha) -> float:
        return float(((np.asarray(alpha) > 12) & (np.asarray(alpha) < 243)).mean())

    assert between(by_model) < 0.75 * between(by_filter)


def test_what_is_opaque_or_transparent_all_around_is_so_exactly(animevideo):
    source = sprite()
    result = through(animevideo, source, 4).alpha
    inner = disc_eroded(source.alpha == 255).repeat(4, 0).repeat(4, 1)
    outer = disc_eroded(source.alpha == 0).repeat(4, 0).repeat(4, 1)
    assert inner.any()
    assert (result[inner] == 255).all()
    assert (result[outer] == 0).all()


def disc_eroded(mask: np.ndarray) -> np.ndarray:
    wide = np.pad(mask, 1, mode="edge")
    shifted = [wide[y : y + SIDE, x : x + SIDE] for y in range(3) for x in range(3)]
    return np.logical_and.reduce(shifted)


def test_smooth_alpha_is_enlarged_by_lanczos_alone():
    alpha = np.tile(np.linspace(20, 230, SIDE).astype(np.uint8), (SIDE, 1))
    source = Picture(colours(), alpha, False, None, "png")
    assert len(source.layers()) == 1
    result = source.enlarged([repeated(source.pixels)], 4).alpha
    expected = np.asarray(Image.fromarray(alpha).resize((SIDE * 4, SIDE * 4), Image.Resampling.LANCZOS))
    assert np.abs(result.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_constant_alpha_stays_untouched(value, dtype):
    source = Picture(colours().astype(dtype), np.full((SIDE, SIDE), value, dtype), False, None, "png")
    assert len(source.layers()) == 1
    for scale in (2, 3, 4):
        assert (source.enlarged([repeated(source.layers()[0])], scale).alpha == value).all()


def test_16_bits_of_alpha_go_through_the_model_too(animevideo):
    result = through(animevideo, sprite(dtype=np.uint16), 4)
    assert result.alpha.dtype == np.uint16
    assert np.abs(result.alpha / 257 - through(animevideo, sprite(), 4).alpha).max() < 2


def test_structure_is_a_step_between_neighbours():
    flat = np.full((4, 5), 100, np.uint8)
    step = flat.copy()
    step[2, 3] = 130
    assert not has_structure(flat)
    assert has_structure(step)
    assert has_structure(step.astype(np.uint16) * 257)
    assert not has_structure(np.zeros((1, 1), np.uint8))
    for steep, expected in ((15, False), (16, True)):
        assert has_structure(np.array([[100, 100 + steep]], np.uint8)) == expected
    assert has_structure(np.array([[0, 255]], np.uint8))
    assert has_structure(np.array([[0], [255]], np.uint8))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 50), st.floats(0, 1))
def test_what_is_visible_keeps_its_colour_and_the_rest_gets_one_of_its_range(height, width, seed, share):
    rng = np.random.default_rng(seed)
    pixels, alpha = noise(height, width, seed), rng.integers(1, 256, (height, width), np.uint8)
    alpha[rng.random((height, width)) < share] = 0
    result, visible = bled(pixels, alpha), alpha > 0
    assert np.array_equal(result[visible], pixels[visible])
    if visible.any():
        assert (result >= pixels[visible].min(0)).all()
        assert (result <= pixels[visible].max(0)).all()
    else:
        assert not result.any()


def test_hidden_colours_continue_those_beside_them():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, :32], pixels[:, 32:] = (200, 10, 10), (10, 10, 200)
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, :8] = alpha[:, -8:] = 255
    result = bled(pixels, alpha)
    assert np.abs(result[:, 8:12].astype(int) - (200, 10, 10)).max() < 16
    assert np.abs(result[:, -12:-8].astype(int) - (10, 10, 200)).max() < 16


def test_hidden_colours_lie_where_they_belong_also_in_sizes_that_halve_badly():
    """A ramp with a hole: what fills it goes on as the ramp does, and not beside it."""
    ramp = np.tile(np.arange(0, 202, 2, dtype=np.uint8)[None, :, None], (37, 1, 3))
    alpha = np.full((37, 101), 255, np.uint8)
    alpha[5:32, 30:71] = 0
    found = bled(np.where(alpha[..., None] == 0, 255, ramp).astype(np.uint8), alpha)
    assert np.abs(found[18].astype(int) - ramp[18]).max() <= 16


def test_bounds_of_neighbours_hold_in_every_band():
    alpha = np.random.default_rng(1).integers(0, 256, (90, 7), np.uint8)
    wild = np.random.default_rng(2).integers(0, 256, (360, 28), np.uint8)
    result = within_neighbours(wild.copy(), alpha)
    for y, x in ((0, 0), (5, 3), (179, 14), (359, 27)):
        around = alpha[max(0, y // 4 - 1) : y // 4 + 2, max(0, x // 4 - 1) : x // 4 + 2]
        assert result[y, x] == min(max(wild[y, x], around.min()), around.max())
