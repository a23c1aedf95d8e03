"""PNG by chunks: what decoders get to see, and what is kept beside."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest

from tests.pngs import COLOUR_TYPES, a_png, assembled, idat, ihdr, samples
from tests.unit.upscaler.pictures.files import header, read, written
from upscaler.errors import AnimatedPictureError, InvalidPictureError
from upscaler.pictures import chunks
from upscaler.pictures.chunks import MAX_EXTRA_BYTES, SIGNATURE, chunk_bytes, png_header, take_apart
from upscaler.pictures.decoding import INKS

PIXELS = samples(5, 7, 3, np.uint8)
PROFILE = b"a profile"


def iccp(data: bytes = PROFILE) -> tuple[bytes, bytes]:
    return b"iCCP", b"name\0\0" + zlib.compress(data)


def xmp(text: bytes, *, packed: bool) -> tuple[bytes, bytes]:
    return b"iTXt", b"XML:com.adobe.xmp\0" + (b"\1\0" if packed else b"\0\0") + b"en\0word\0" + (
        zlib.compress(text) if packed else text
    )  # fmt: skip


def test_what_is_of_use_is_kept_and_nothing_else():
    gamma, density = (b"gAMA", struct.pack(">I", 45455)), (b"pHYs", struct.pack(">IIB", 2835, 2835, 1))
    text = [(b"tEXt", b"Comment\0secret"), (b"zTXt", b"a\0\0" + zlib.compress(b"b")), (b"prVt", b"private")]
    png = take_apart(a_png(PIXELS, iccp(), gamma, density, *text, xmp(b"<x/>", packed=False), (b"eXIf", b"MM\0*")))
    assert png.bare == a_png(PIXELS)
    assert (png.icc, png.exif, png.xmp, png.density) == (PROFILE, b"MM\0*", b"<x/>", density[1])
    assert png.colours == (gamma,)
    assert take_apart(png.with_extras()) == replace(png, icc=None, colours=())


def test_packed_xmp_is_read():
    assert take_apart(a_png(PIXELS, xmp(b"<x/>", packed=True))).xmp == b"<x/>"


@pytest.mark.parametrize(
    "bomb",
    [
        iccp(bytes(MAX_EXTRA_BYTES + 1)),
        iccp(bytes(1 << 28)),
        (b"iCCP", b"name\0\0" + b"not zlib"),
        (b"iCCP", b"name\0\0" + zlib.compress(PROFILE)[:-3]),
        (b"iCCP", b"name\0\7" + zlib.compress(PROFILE)),
        (b"iCCP", b"no end of the name"),
        (b"iCCP", b""),
        xmp(bytes(1 << 28), packed=True),
        xmp(bytes(MAX_EXTRA_BYTES + 1), packed=False),
        (b"iTXt", b"XML:com.adobe.xmp\0"),
        (b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 28))),
        (b"eXIf", bytes(MAX_EXTRA_BYTES + 1)),
        (b"gAMA", b"too long"),
        (b"pHYs", b""),
        (b"cHRM", b"short"),
        (b"sBIT", b""),
        (b"hIST", b"?"),
    ],
)
def test_what_is_broken_or_enormous_is_dropped_and_the_picture_read(bomb):
    data = a_png(PIXELS, bomb)
    png = take_apart(data)
    assert (png.bare, png.icc, png.exif, png.density, png.colours) == (a_png(PIXELS), None, None, None, ())
    assert not png.xmp
    assert np.array_equal(read(data).pixels, PIXELS)


@pytest.mark.parametrize("kind", [b"iCCP", b"tEXt", b"gAMA", b"eXIf"])
def test_an_ancillary_chunk_with_a_wrong_checksum_is_dropped(kind):
    damaged = chunk_bytes(kind, struct.pack(">I", 1))[:-4] + b"\0\0\0\0"
    data = a_png(PIXELS)
    assert take_apart(data[:33] + damaged + data[33:]).bare == data


@pytest.mark.parametrize("kind", [b"IDAT", b"PLTE", b"IEND", b"XXXX"])
def test_a_critical_chunk_with_a_wrong_checksum_is_fatal(kind):
    data = a_png(PIXELS)
    with pytest.raises(InvalidPictureError):
        take_apart(data[:33] + chunk_bytes(kind, b"abc")[:-4] + b"\0\0\0\0" + data[33:])


@pytest.mark.parametrize("at", [33, -12])
def test_a_second_header_is_damage(at):
    """Limits believe the first, and Pillow the second."""
    data = a_png(PIXELS)
    with pytest.raises(InvalidPictureError, match="not those of one image"):
        take_apart(data[:at] + chunk_bytes(*ihdr(20_000, 100)) + data[at:])


def test_nothing_behind_the_end_mark_is_seen_or_survives():
    data = a_png(PIXELS) + b"PK\3\4 an archive" + a_png(PIXELS, (b"tEXt", b"Comment\0second"))
    assert take_apart(data).bare == a_png(PIXELS)
    assert b"archive" not in written(read(data))


def test_the_header_is_read_whatever_follows():
    data = assembled([ihdr(30_000, 20_000, 16, 6)])
    for cut in (0, 1, 40):
        found = png_header(data[:33] + b"\xff" * cut)
        assert (found.width, found.height, found.bit_depth) == (30_000, 20_000, 16)
    assert header(data).bit_depth == 16


@pytest.mark.parametrize(
    "head",
    [
        ihdr(0, 5),
        ihdr(5, 0),
        ihdr(1 << 31, 5),
        ihdr(5, 5, 3),
        ihdr(5, 5, 16, 3),
        ihdr(5, 5, 8, 5),
        (b"IHDR", ihdr(5, 5)[1][:10] + b"\1\0\0"),
        (b"IHDR", ihdr(5, 5)[1][:10] + b"\0\1\0"),
        (b"IHDR", ihdr(5, 5)[1][:10] + b"\0\0\2"),
        (b"IHDR", b"short"),
        (b"IDAT", b"instead"),
    ],
)
def test_an_impossible_header_is_refused(head):
    for look in (header, read):
        with pytest.raises(InvalidPictureError):
            look(assembled([head, idat(PIXELS)]))


def test_more_chunks_than_any_encoder_writes_are_refused(monkeypatch):
    monkeypatch.setattr(chunks, "MAX_CHUNKS", 50)
    assert take_apart(a_png(PIXELS, *[(b"tEXt", b"a\0b")] * 40))
    with pytest.raises(InvalidPictureError):
        take_apart(a_png(PIXELS, *[(b"tEXt", b"a\0b")] * 60))


@pytest.mark.parametrize(("num_frames", "is_animated"), [(0, False), (1, False), (2, True)])
def test_an_animation_has_more_than_one_picture(num_frames, is_animated):
    data = a_png(PIXELS, (b"acTL", struct.pack(">II", num_frames, 0)))
    if is_animated:
        with pytest.raises(AnimatedPictureError):
            read(data)
    else:
        assert np.array_equal(read(data).pixels, PIXELS)


def shallow_gray(bit_depth: int, *extras: tuple[bytes, bytes]) -> bytes:
    """One row with every value that so few bits have."""
    values = list(range(1 << bit_depth))
    packed = int("".join(f"{value:0{bit_depth}b}" for value in values), 2).to_bytes(len(values) * bit_depth // 8, "big")
    return assembled([ihdr(len(values), 1, bit_depth, 0), *extras, (b"IDAT", zlib.compress(b"\0" + packed))])


@pytest.mark.parametrize("bit_depth", [2, 4, 8])
def test_the_transparent_gray_is_the_one_that_the_file_names(bit_depth):
    for key in range(1 << bit_depth):
        found = read(shallow_gray(bit_depth, (b"tRNS", struct.pack(">H", key))))
        assert np.flatnonzero(found.alpha[0] == 0).tolist() == [key]
        assert np.array_equal(found.pixels[0, :, 0], np.arange(1 << bit_depth) * 255 // ((1 << bit_depth) - 1))


def palette_png(*palettes: bytes) -> bytes:
    chunks = [(b"PLTE", palette) for palette in palettes]
    return assembled([ihdr(2, 1, 8, 3), *chunks, (b"IDAT", zlib.compress(b"\0\0\1"))])


def test_a_palette_is_needed_whole_and_once():
    assert read(palette_png(b"\1\2\3\4\5\6")).pixels.tolist() == [[[1, 2, 3], [4, 5, 6]]]
    for palettes in ((), (b"",), (b"\1\2",), (b"\1\2\3", b"\4\5\6")):
        with pytest.raises(InvalidPictureError):
            read(palette_png(*palettes))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_picture_whose_data_end_early_is_refused_however_properly(channels, dtype, interlaced):
    pixels = samples(9, 11, channels, dtype)
    kind, packed = idat(pixels, interlaced=interlaced)
    raw, head = zlib.decompress(packed), ihdr(11, 9, 8 * pixels.dtype.itemsize, COLOUR_TYPES[channels], int(interlaced))
    assert len(raw) == png_header(assembled([head])).pixels_bytes
    assert read(assembled([head, (kind, packed)])).width == 11
    for data in (
        zlib.compress(raw[:-1]),
        zlib.compress(raw[: len(raw) // 2]),
        zlib.compress(b""),
        packed[:-8],
        b"",
        b"x",
    ):
        with pytest.raises(InvalidPictureError):
            read(assembled([head, (kind, data)]))


@pytest.mark.parametrize(("mode", "shown"), [("L", 3 * [157]), ("LA", 3 * [157]), ("RGB", None), ("RGBA", None)])
def test_a_last_row_that_looks_as_if_it_had_never_come_is_counted(mode, shown):
    ink = np.atleast_1d(np.asarray(INKS[mode], np.uint8))
    pixels = samples(9, 11, len(ink), np.uint8)
    pixels[-1] = ink[0] if pixels.ndim == 2 else ink
    assert read(a_png(pixels)).pixels[-1].tolist() == 11 * [shown or ink[:3].tolist()]
    with pytest.raises(InvalidPictureError, match="pixels are missing"):
        read(assembled([ihdr(11, 9, 8, COLOUR_TYPES[len(ink)]), idat(pixels[:-1])]))


@pytest.mark.parametrize("claimed", [(5000, 5000), (1 << 30, 1 << 30)])
def test_a_few_bytes_that_claim_to_be_a_large_image_are_no_image(claimed):
    data = assembled([ihdr(*claimed), idat(samples(1, 5000, 3, np.uint8))])
    with pytest.raises(InvalidPictureError, match="pixels are missing"):
        take_apart(data)


def test_an_image_may_be_as_small_as_deflate_makes_it():
    pixels = np.zeros((2000, 2000), np.uint8)
    kind, packed = b"IDAT", zlib.compress(bytes(2000 * 2001), 9)
    assert len(packed) < pixels.size // 1000
    assert np.array_equal(read(assembled([ihdr(2000, 2000, 8, 0), (kind, packed)])).pixels[..., 0], pixels)


def test_of_two_words_on_colours_the_first_counts():
    first, second = ((b"gAMA", struct.pack(">I", gamma)) for gamma in (1, 2))
    assert take_apart(a_png(PIXELS, first, second)).colours == (first,)


def test_a_file_that_ends_inside_of_a_chunk_is_refused():
    data = a_png(PIXELS)
    for cut in range(len(SIGNATURE), len(data)):
        with pytest.raises(InvalidPictureError):
            take_apart(data[:cut])
