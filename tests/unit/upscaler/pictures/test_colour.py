"""Colours: numbers that have a profile are not touched, others become sRGB by theirs."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.pictures import encoded, picture
from tests.pngs import a_png, samples
from tests.unit.upscaler.doubles import enlarged
from tests.unit.upscaler.pictures.files import FORMATS, read, written
from tests.unit.upscaler.pictures.profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    cmyk_profile,
    cmyk_to_lab,
    delta_e,
    gray_profile,
    srgb_to_lab,
)
from upscaler.pictures.chunks import take_apart
from upscaler.pictures.colour import fitting_profile, profile_for

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB", 5000)).tobytes()


def iccp(profile: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"name\0\0" + zlib.compress(profile)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ],
)
def test_the_measure_gives_what_its_paper_gives(one, other, expected):
    assert delta_e(np.array(one), np.array(other)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("profile", [DISPLAY_P3, ADOBE_RGB], ids=["Display P3", "Adobe RGB"])
@pytest.mark.parametrize("name", FORMATS)
def test_pixels_with_a_profile_are_the_pixels_without_it(animevideo, name, profile):
    """The output's numbers are equal and the profile's bytes are identical, through the model too."""
    options = {"lossless": True} if name == "webp" else {}
    tagged, plain = (encoded(picture(5), name, icc_profile=icc, **options) for icc in (profile, None))
    results = []
    for data in (tagged, plain):
        source = read(data)
        results.append(source.enlarged([enlarged(animevideo.upscale(layer)) for layer in source.layers()], 4))
    assert np.array_equal(results[0].pixels, results[1].pixels)
    for target in FORMATS:
        with_profile, without = (opened(written(result, target)) for result in results)
        assert with_profile.info["icc_profile"] == profile
        assert "icc_profile" not in without.info
        assert np.array_equal(np.asarray(with_profile), np.asarray(without))


def test_cmyk_becomes_srgb_by_its_profile():
    """Held against the profile's own function, and against littlecms without shortcuts."""
    profile = cmyk_profile()
    values = samples(64, 64, 4, np.uint8, seed=3)
    image = Image.frombytes("CMYK", (64, 64), (values // 2).tobytes())
    data = encoded(image, "jpeg", icc_profile=profile, quality=100, subsampling=0)
    found = read(data)
    assert (found.is_gray, found.icc_profile) == (False, None)
    stored = opened(data)
    reference = ImageCms.profileToProfile(
        stored, ImageCms.ImageCmsProfile(io.BytesIO(profile)), SRGB, ImageCms.Intent.PERCEPTUAL, "RGB",
        flags=ImageCms.Flags.NOOPTIMIZE,
    )  # fmt: skip
    assert delta_e(srgb_to_lab(found.pixels), srgb_to_lab(np.asarray(reference))).max() < 0.5
    wanted = cmyk_to_lab(np.asarray(stored) / 255)
    in_gamut = (found.pixels > 3).all(-1) & (found.pixels < 252).all(-1)
    assert in_gamut.mean() > 0.3
    assert delta_e(srgb_to_lab(found.pixels), wanted)[in_gamut].mean() < 0.5
    assert delta_e(srgb_to_lab(found.pixels), wanted)[in_gamut].max() < 1.5  # a table of 9 nodes, and 8 bits


def test_cmyk_is_rendered_as_its_profile_says():
    """An intent that there is not, in a file that is otherwise sound, counts as the first."""
    image = picture(5).convert("CMYK")
    found = {n: read(encoded(image, "jpeg", icc_profile=cmyk_profile(n))).pixels for n in (0, 1, 4, 2**32 - 1)}
    assert np.abs(found[0].astype(int) - found[1]).max() > 20
    assert np.array_equal(found[0], found[4])
    assert np.array_equal(found[0], found[2**32 - 1])


def test_lab_becomes_srgb_by_its_profile():
    """Values between those that 8 bits of sRGB have lie up to half a ΔE from the nearest that has."""
    colours = np.asarray(picture(8, 40, 30))
    lab = srgb_to_lab(colours)
    stored = np.stack([lab[..., 0] * 2.55, lab[..., 1] + 128, lab[..., 2] + 128], -1).round().clip(0, 255)
    found = read(a_png(stored.astype(np.uint8), iccp(LAB)))
    assert found.icc_profile is None
    assert read(a_png(stored.astype(np.uint8), iccp(LAB), *chunks(50_000))).colour_chunks == ()
    said = np.stack([stored[..., 0] / 2.55, stored[..., 1] - 128, stored[..., 2] - 128], -1)
    difference = delta_e(srgb_to_lab(found.pixels), said)
    assert difference.mean() < 0.5
    reference = opened(encoded(Image.fromarray(found.pixels)))
    assert delta_e(srgb_to_lab(np.asarray(reference)), srgb_to_lab(found.pixels)).max() == 0


def test_lab_of_16_bits_becomes_srgb_of_8():
    stored = samples(6, 6, 3, np.uint8)
    shallow, deep = (read(a_png(values, iccp(LAB))) for values in (stored, stored.astype(np.uint16) * 257))
    assert (deep.bit_depth, deep.icc_profile) == (8, None)
    assert np.array_equal(deep.pixels, shallow.pixels)


@pytest.mark.parametrize("name", ["png", "jpeg"])
def test_gray_stays_gray_with_its_profile(name):
    gray = picture(2).convert("L")
    found = read(encoded(gray, name, icc_profile=gray_profile()))
    assert found.is_gray
    for target in ("png", "jpeg"):
        result = opened(written(found, target))
        assert (result.mode, result.info["icc_profile"]) == ("L", gray_profile())


def test_a_camera_that_tags_gray_with_a_colour_profile_keeps_it_where_that_can_be_written():
    found = read(encoded(picture(2).convert("L"), "jpeg", icc_profile=DISPLAY_P3))
    assert opened(written(found, "jpeg")).info["icc_profile"] == DISPLAY_P3
    assert take_apart(written(found, "png")).icc is None
    assert opened(written(found, "png")).mode == "L"


@pytest.mark.parametrize(
    "broken",
    [b"", b"x", bytes(200), DISPLAY_P3[:200], DISPLAY_P3[:128] + bytes(400), cmyk_profile(), gray_profile(), "text", 5],
    ids=["nothing", "a letter", "zeros", "cut off", "no tags", "of CMYK", "of gray", "text", "a number"],
)
def test_a_profile_that_says_nothing_of_these_values_is_dropped(broken):
    assert fitting_profile(broken, "RGB") is None


def test_cmyk_with_a_broken_profile_is_read_without():
    image = picture(5).convert("CMYK")
    plain, broken = (read(encoded(image, "jpeg", icc_profile=icc)) for icc in (None, cmyk_profile()[:300]))
    assert np.array_equal(plain.pixels, broken.pixels)


def chunks(gamma: int, chromaticities: tuple[int, ...] | None = None) -> tuple[tuple[bytes, bytes], ...]:
    found = ((b"gAMA", struct.pack(">I", gamma)),)
    return found if chromaticities is None else (*found, (b"cHRM", struct.pack(">8I", *chromaticities)))


WIDE = (31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000)


def test_what_a_png_says_of_its_colours_stays_in_a_png():
    said = (*chunks(100_000, WIDE), (b"cICP", bytes([12, 13, 0, 1])))
    found = read(a_png(samples(4, 4, 3, np.uint8), *said))
    assert take_apart(written(found)).colours == said


@pytest.mark.parametrize("is_gray", [False, True])
def test_other_formats_get_a_profile_that_says_the_same(is_gray):
    profile = profile_for(chunks(100_000), is_gray=is_gray)
    assert fitting_profile(profile, "L" if is_gray else "RGB") == profile
    ramp = np.linspace(0, 255, 16).round().astype(np.uint8)[None]
    image = Image.fromarray(ramp if is_gray else np.dstack([ramp] * 3))
    shown = ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), SRGB, outputMode="RGB")
    light = ramp / 255  # gamma 1: the numbers are light itself
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(np.asarray(shown) - expected[..., None]).max() <= 1.5


def test_primaries_are_those_of_the_chunk():
    """Adobe RGB's primaries and gamma give its profile, to what the format can tell."""
    profile = profile_for(chunks(45_455, WIDE), is_gray=False)
    assert profile is not None
    colours = Image.fromarray(samples(16, 16, 3, np.uint8))
    ours, theirs = (
        np.asarray(
            ImageCms.profileToProfile(colours, ImageCms.ImageCmsProfile(io.BytesIO(icc)), SRGB, outputMode="RGB")
        )
        for icc in (profile, ADOBE_RGB)
    )
    assert np.abs(ours.astype(int) - theirs).max() <= 2


@pytest.mark.parametrize(
    "said",
    [
        (),
        chunks(45_455),
        chunks(45_455, (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)),
        ((b"sRGB", b"\0"), *chunks(100_000)),
        chunks(0),
        chunks(50_000, (0,) * 8),
        chunks(50_000, (1,) * 8),
        chunks(1, (1 << 31,) * 8),
        chunks(50_000, (31_270, 32_900, 64_000, 33_000, 64_000, 33_001, 15_000, 6_000)),
    ],
)
def test_where_nothing_else_is_said_it_is_srgb(said):
    assert profile_for(said, is_gray=False) is None


@pytest.mark.parametrize("target", ["jpeg", "webp"])
def test_a_gamma_of_a_png_reaches_other_formats(target):
    found = read(a_png(samples(4, 4, 3, np.uint8), *chunks(100_000)))
    assert opened(written(found, target)).info["icc_profile"] == profile_for(chunks(100_000), is_gray=False)
