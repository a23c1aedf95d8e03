"""Decoder: real children, and what becomes of the pictures that hurt them."""

from __future__ import annotations

import asyncio
import io
import struct
import tempfile

import numpy as np
import pytest

from deployments.decoder import decoder as decoder_module
from deployments.decoder.wire import Bounds
from tests.pictures import encoded, picture, png
from tests.pngs import a_png, ihdr, samples
from tests.unit.deployments.decoder.conftest import BOUNDS, children_of, open_files, read_of, until
from tests.unit.upscaler.pictures.profiles import DISPLAY_P3
from upscaler.errors import (
    AnimatedPictureError,
    InvalidPictureError,
    PictureTooLargeError,
    UnsupportedFormatError,
)
from upscaler.pictures.chunks import SIGNATURE, chunk_bytes
from upscaler.pictures.decoding import decode
from upscaler.pictures.picture import Limits

pytestmark = pytest.mark.anyio

PICTURES = {
    "png": png(1),
    "jpeg": encoded(picture(2), "jpeg", icc_profile=DISPLAY_P3, quality=80),
    "webp": encoded(picture(3).convert("RGBA").rotate(20, fillcolor=(0, 0, 0, 0)), "webp", lossless=True),
    "16 bits": a_png(samples(9, 11, 4), (b"gAMA", struct.pack(">I", 50_000))),
    "gray": encoded(picture(4).convert("L")),
}


@pytest.mark.parametrize("data", PICTURES.values(), ids=PICTURES)
async def test_a_child_gives_what_decoding_here_gives(decoder, data):
    found = await decoder.decode(io.BytesIO(data), BOUNDS, keeps_metadata=True)
    expected = decode(io.BytesIO(data), 4)
    assert np.array_equal(found.pixels, expected.pixels)
    assert found.pixels.dtype == expected.pixels.dtype
    assert (found.alpha is None) == (expected.alpha is None)
    assert expected.alpha is None or np.array_equal(found.alpha, expected.alpha)
    for name in ("is_gray", "icc_profile", "format", "metadata", "colour_chunks"):
        assert getattr(found, name) == getattr(expected, name)


@pytest.mark.parametrize("data", PICTURES.values(), ids=PICTURES)
async def test_a_look_tells_what_the_picture_is(decoder, data):
    seen, expected = await decoder.look(io.BytesIO(data), BOUNDS), decode(io.BytesIO(data))
    assert (seen.format, seen.width, seen.height) == (expected.format, expected.width, expected.height)
    assert (seen.bit_depth, seen.has_alpha) == (expected.bit_depth, expected.alpha is not None)
    assert seen.num_passes == len(expected.layers())


@pytest.mark.parametrize("max_bytes", [1, 1 << 20], ids=["on disk", "in memory"])
async def test_a_look_at_an_upload_is_the_same_wherever_it_was_kept(decoder, max_bytes):
    with tempfile.SpooledTemporaryFile(max_bytes) as file:
        file.write(png(1))
        for _ in range(2):
            assert (await decoder.look(file, BOUNDS)).format == "png"


async def test_metadata_comes_only_when_it_is_asked_for(decoder):
    data = encoded(picture(1), "jpeg", xmp=b"<x/>", dpi=(300, 300))
    assert (await decoder.decode(io.BytesIO(data), BOUNDS)).metadata is None
    kept = (await decoder.decode(io.BytesIO(data), BOUNDS, keeps_metadata=True)).metadata
    assert kept.dpi == (300, 300)
    assert b"<x" in kept.xmp


REFUSED = {
    "text": (b"only text", UnsupportedFormatError),
    "cut off": (png(1)[:-20], InvalidPictureError),
    "moving": (encoded(picture(1), "webp", save_all=True, append_images=[picture(2)]), AnimatedPictureError),
}


@pytest.mark.parametrize(("data", "kind"), REFUSED.values(), ids=REFUSED)
async def test_a_refusal_is_the_one_that_decoding_here_gives(decoder, data, kind):
    for call in (decoder.look, decoder.decode):
        with pytest.raises(kind):
            await call(io.BytesIO(data), BOUNDS)
    assert decoder.num_died == 0


async def test_limits_are_judged_by_the_header_alone(decoder):
    kind, data = ihdr(30_000, 20_000)
    with pytest.raises(PictureTooLargeError) as caught:
        await decoder.look(io.BytesIO(SIGNATURE + chunk_bytes(kind, data)), BOUNDS)
    assert (caught.value.width, caught.value.height, caught.value.limit) == (30_000, 20_000, 25_000_000)
    with pytest.raises(PictureTooLargeError, match="WEBP"):
        await decoder.look(io.BytesIO(encoded(picture(1, 5000, 2))), Bounds(Limits(), 4, "webp"))


async def test_a_jpeg_of_thousands_of_scans_is_refused_at_once(decoder):
    data = encoded(picture(1, 200, 200), "jpeg", progressive=True)
    start = data.index(b"\xff\xda")
    end = data.index(b"\xff", start + 20)
    with pytest.raises(InvalidPictureError, match="too long"):
        await decoder.look(io.BytesIO(data[:start] + data[start:end] * 600 + data[end:]), BOUNDS)
    assert decoder.num_died == 0


async def test_no_more_than_so_many_run_at_once(decoder, monkeypatch):
    listen, running, most = decoder_module._last_words, 0, 0

    async def counted(connection):
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return await listen(connection)
        finally:
            running -= 1

    monkeypatch.setattr(decoder_module, "_last_words", counted)
    await asyncio.gather(*(decoder.look(io.BytesIO(png(seed)), BOUNDS) for seed in range(20)))
    assert most == decoder_module.MAX_RUNNING


async def test_many_pictures_at_once_each_come_back_as_their_own(decoder):
    found = await asyncio.gather(*(decoder.decode(io.BytesIO(png(seed)), BOUNDS) for seed in range(30)))
    assert all(np.array_equal(one.pixels, picture(seed)) for seed, one in enumerate(found))
    assert decoder.num_died == 0


async def test_children_know_neither_torch_nor_ray_nor_secrets(decoder, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    await decoder.look(io.BytesIO(png(1)), BOUNDS)
    known = {name: read_of(decoder._zygote.pid, name) for name in ("environ", "maps")}
    assert "secret" not in known["environ"]
    assert not [name for name in ("libtorch", "_raylet") if name in known["maps"]]


async def test_nothing_is_left_open_or_running(decoder):
    async def all_at_once() -> None:
        calls = [decoder.decode(io.BytesIO(data), BOUNDS) for data in [*PICTURES.values(), b"text", png(1)[:-9]]]
        await asyncio.gather(*calls, return_exceptions=True)

    await all_at_once()
    here, there = open_files(), open_files(decoder._zygote.pid)
    await all_at_once()
    await until(lambda: not children_of(decoder) and open_files() == here)
    assert open_files(decoder._zygote.pid) == there
