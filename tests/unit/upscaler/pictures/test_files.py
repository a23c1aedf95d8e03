"""Files to pictures and back: what must survive does, and what is damaged is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.pictures import encoded, picture
from tests.unit.upscaler.pictures.files import FORMATS, HEIGHT, WIDTH, header, read, written
from upscaler.errors import AnimatedPictureError, InvalidPictureError, PictureError, UnsupportedFormatError
from upscaler.pictures.chunks import MAX_EXTRA_BYTES
from upscaler.pictures.decoding import Header, sniff

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def mean_difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - np.asarray(other)).mean())


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_is_read_and_written_in_its_own_format(name):
    source = picture(1)
    data = encoded(source, name, quality=95) if name != "png" else encoded(source)
    assert header(data) == Header(name, WIDTH, HEIGHT)
    first = read(data)
    assert (first.format, first.is_gray, first.alpha, first.icc_profile) == (name, False, None, None)
    again = read(written(first))
    assert again.format == name
    assert mean_difference(again.pixels, first.pixels) < (0.01 if name == "png" else 6)
    assert mean_difference(first.pixels, source) < (0.01 if name == "png" else 12)


@pytest.mark.parametrize("target", FORMATS)
def test_a_picture_is_written_in_the_format_asked_for(target):
    assert sniff(written(read(encoded(picture(1))), target)[:12]) == target


def test_a_png_without_its_last_bytes_is_refused():
    data = encoded(picture(2), "png")
    for cut in range(1, 20):
        with pytest.raises(InvalidPictureError):
            read(data[:-cut])
    assert read(data + b"anything after the end").pixels.shape == (HEIGHT, WIDTH, 3)


def gradient(mode: str = "L") -> Image.Image:
    return Image.linear_gradient("L").resize((WIDTH, HEIGHT)).convert(mode)


@pytest.mark.parametrize("name", ["png", "webp"])
def test_alpha_is_kept(name):
    image = picture(3).convert("RGBA")
    image.putalpha(gradient())
    found = read(encoded(image, name, **({} if name == "png" else {"lossless": True, "exact": True})))
    assert np.array_equal(found.alpha, np.asarray(gradient()))
    assert np.array_equal(found.pixels, np.asarray(picture(3)))
    assert np.array_equal(read(written(found)).alpha, found.alpha)


def test_alpha_in_jpeg_is_laid_on_white():
    image = picture(3).convert("RGBA")
    image.putalpha(0)
    found = read(written(read(encoded(image)), "jpeg"))
    assert found.alpha is None
    assert found.pixels.min() > 250


@pytest.mark.parametrize("name", ["png", "jpeg"])
def test_gray_stays_gray(name):
    found = read(encoded(gradient(), name))
    assert found.is_gray
    assert found.pixels.shape == (HEIGHT, WIDTH, 3)
    assert Image.open(io.BytesIO(written(found))).mode == "L"


def test_gray_with_alpha_stays_both():
    found = read(encoded(gradient("LA")))
    assert found.is_gray
    assert Image.open(io.BytesIO(written(found))).mode == "LA"
    assert read(written(found, "webp")).format == "webp"


def test_black_and_white_is_gray():
    found = read(encoded(gradient("1")))
    assert found.is_gray
    assert set(np.unique(found.pixels)) == {0, 255}


def test_a_palette_becomes_colours_and_its_transparent_entry_alpha():
    image = picture(4).quantize(8)
    assert np.array_equal(read(encoded(image)).pixels, np.asarray(image.convert("RGB")))
    found = read(encoded(image, transparency=3))
    assert np.array_equal(found.alpha == 0, np.asarray(image) == 3)
    assert np.array_equal(read(written(found)).alpha, found.alpha)


def test_a_palette_with_an_alpha_for_each_entry_is_read():
    image = picture(4).quantize(4)
    found = read(encoded(image, transparency=bytes([0, 80, 160, 255])))
    assert np.array_equal(found.alpha, np.array([0, 80, 160, 255])[np.asarray(image)])


@pytest.mark.parametrize("name", FORMATS)
def test_a_profile_survives(name):
    found = read(encoded(picture(5), name, icc_profile=SRGB))
    assert found.icc_profile == SRGB
    assert all(read(written(found, target)).icc_profile == SRGB for target in FORMATS)


def test_cmyk_is_converted_and_its_profile_dropped():
    found = read(encoded(picture(5).convert("CMYK"), "jpeg", icc_profile=SRGB, quality=95))
    assert found.icc_profile is None
    assert mean_difference(found.pixels, picture(5)) < 12


@pytest.mark.parametrize("name", FORMATS)
def test_an_absurdly_large_profile_is_dropped_and_the_picture_read(name):
    found = read(encoded(picture(5), name, icc_profile=b"\0" * (MAX_EXTRA_BYTES + 1)))
    assert found.icc_profile is None


def test_nothing_but_the_profile_is_written():
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    found = read(encoded(picture(5), "jpeg", exif=exif, comment=b"secret"))
    assert b"camera" not in written(found)
    assert b"secret" not in written(found)


def animated(name: str) -> bytes:
    return encoded(picture(1), name, save_all=True, append_images=[picture(2)], duration=100)


@pytest.mark.parametrize("name", ["png", "webp"])
@pytest.mark.parametrize("step", [header, read])
def test_an_animation_is_refused(name, step):
    with pytest.raises(AnimatedPictureError):
        step(animated(name))


def test_a_phones_jpeg_of_several_pictures_is_its_primary_one():
    data = encoded(picture(1), "mpo", save_all=True, append_images=[picture(2)])
    assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 2
    assert header(data) == Header("jpeg", WIDTH, HEIGHT)
    assert mean_difference(read(data).pixels, picture(1)) < 20
    assert sniff(written(read(data))[:12]) == "jpeg"


OTHERS = {
    "nothing": b"",
    "gif": b"GIF89a" + bytes(50),
    "text": b"just a text file\n",
    "bmp": encoded(picture(1), "bmp"),
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("step", [header, read])
def test_other_bytes_are_refused_whatever_they_claim(data, step):
    with pytest.raises(UnsupportedFormatError):
        step(data)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kept", [12, 40, -1])
def test_a_truncated_file_is_refused(name, kept):
    data = encoded(picture(1, 200, 200), name)
    with pytest.raises(InvalidPictureError):
        read(data[: kept if kept > 0 else len(data) // 2])


@pytest.mark.filterwarnings("ignore")  # Pillow warns of damage that it can live with
@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_refused_or_read_but_never_crashes(name):
    data, rng = bytearray(encoded(picture(1, 60, 60), name)), np.random.default_rng(6)
    for _ in range(40):
        damaged = bytearray(data)
        for at in rng.integers(12, len(data), 5):
            damaged[at] = rng.integers(0, 256)
        try:
            read(bytes(damaged))
        except PictureError:
            continue


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_broken_orientation_is_passed_over():
    data = encoded(picture(1), "jpeg", exif=b"Exif\0\0MM\0*" + b"\xff" * 30)
    assert read(data).pixels.shape == (HEIGHT, WIDTH, 3)
    assert header(data) == Header("jpeg", WIDTH, HEIGHT)
