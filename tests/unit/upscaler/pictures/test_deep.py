"""PNGs of 16 bits stay so: read exactly, computed in float32, written exactly."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.pngs import a_png, samples
from tests.unit.upscaler.doubles import enlarged
from tests.unit.upscaler.pictures.files import header, read, written
from upscaler.pictures.chunks import take_apart
from upscaler.pictures.values import to_8_bit

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def all_samples(picture) -> np.ndarray:
    """What a PNG of the picture holds."""
    colours = picture.pixels[..., :1] if picture.is_gray else picture.pixels
    return colours if picture.alpha is None else np.dstack([colours, picture.alpha])


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_number_comes_in_and_goes_out(channels, interlaced):
    values = samples(11, 13, channels)
    data = a_png(values, interlaced=interlaced)
    assert header(data).bit_depth == 16
    found = read(data)
    assert found.bit_depth == 16
    assert found.is_gray == (channels < 3)
    assert np.array_equal(all_samples(found), values)
    again = read(written(found))
    assert again.is_gray == found.is_gray
    assert np.array_equal(all_samples(again), values)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_colour_that_is_transparent_becomes_alpha(channels):
    values = samples(6, 6, channels)
    found = read(a_png(values, (b"tRNS", values[2, 3].astype(">u2").tobytes())))
    assert np.array_equal(all_samples(found)[..., :-1], values)
    assert set(np.unique(found.alpha)) == {0, 65_535}
    assert found.alpha[2, 3] == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_the_transparent_colour_of_8_bits_becomes_alpha_too(channels):
    values = samples(6, 6, channels, np.uint8)
    found = read(a_png(values, (b"tRNS", values[2, 3].astype(">u2").tobytes())))
    assert np.array_equal(found.alpha == 0, (values == values[2, 3]).all(-1))


@pytest.mark.parametrize("target", ["jpeg", "webp"])
def test_formats_of_8_bits_get_rounded_numbers(target):
    values = np.tile(np.linspace(0, 65_535, 64).astype(np.uint16)[None, :, None], (16, 1, 3))
    image = Image.open(io.BytesIO(written(read(a_png(values)), target)))
    assert np.abs(np.asarray(image).astype(int) - to_8_bit(values)).max() <= 3


def test_rounding_to_8_bits_is_to_the_nearest():
    everything = np.arange(65_536).astype(np.uint16)
    assert np.array_equal(to_8_bit(everything), np.round(everything / 257.0).astype(np.uint8))


def test_the_profile_is_kept():
    import zlib

    data = a_png(samples(3, 3, 3), (b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB)))
    assert take_apart(written(read(data))).icc == SRGB


def test_damage_is_refused_and_cut_files_too():
    from upscaler.errors import InvalidPictureError

    data = a_png(samples(40, 40, 3))
    for cut in (1, 12, 13, 200, len(data) // 2):
        with pytest.raises(InvalidPictureError):
            read(data[:-cut])


def test_a_ramp_keeps_its_levels(animevideo):
    """Float32 of the whole way is the measure: at least nine tenths of the levels that it has."""
    ramp = np.linspace(0, 65_535, 64 * 96).round().astype(np.uint16).reshape(64, 96)
    source = read(a_png(np.dstack([ramp] * 3)))
    result = source.enlarged([enlarged(animevideo.upscale(layer)) for layer in source.layers()], 4)
    assert result.pixels.dtype == np.uint16
    stored = read(written(result))
    assert np.array_equal(stored.pixels, result.pixels)
    levels = len(np.unique(stored.pixels))
    assert levels >= 0.9 * len(np.unique(np.round(in_float32(animevideo, ramp) * 65_535)))
    assert levels > 10_000


def in_float32(model, ramp: np.ndarray) -> np.ndarray:
    """The model's own numbers, 0…1, before anything rounds them."""
    import torch

    found = []
    x = torch.from_numpy(np.dstack([ramp] * 3).astype(np.float32) / 65_535).permute(2, 0, 1)[None]
    with torch.inference_mode():
        for _ in model._precise.run(
            x.contiguous(memory_format=torch.channels_last), 65_536, lambda _, y: found.append(y.clone())
        ):
            pass
    return torch.cat(found, 2)[0].clamp(0, 1).numpy()


def test_half_precision_is_not_used_for_16_bits(packaged, catalogue):
    """The default device of a processor with bfloat16 computes them in float32 all the same."""
    from pathlib import Path

    import torch

    from tests.unit.upscaler.doubles import cpu
    from upscaler.model import load_model
    from upscaler.weights import WeightsStore

    name = "realesr-animevideov3"
    exact, values = packaged(name), samples(12, 12, 3)
    weights = WeightsStore(Path("no cache"), {}).require(catalogue[name])
    half = load_model(catalogue[name], weights, cpu(torch.bfloat16))
    assert np.array_equal(enlarged(half.upscale(values)), enlarged(exact.upscale(values)))
