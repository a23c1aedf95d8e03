"""What a PNG says beside its pixels, and which of its chunks a decoder gets to see.

PNG (Portable Network Graphics), third edition, W3C 2025, sections 5, 9 and 11. Decoders meet what decides about
pixels; of the rest they meet what we keep, and that bounded. So a damaged or enormous profile is dropped instead of
being fatal, text is never unpacked, and nothing behind the end mark is read by anybody.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from upscaler.errors import AnimatedPictureError, InvalidPictureError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
AROUND = 12
"""Bytes of a chunk beside its data: length and kind before it, checksum behind it."""

PAST_HEADER = 33
"""Bytes of the signature and the first chunk."""

MAX_EXTRA_BYTES = 1 << 20
"""A profile, EXIF or XMP of more than this is dropped."""

MAX_CHUNKS = 1 << 16
"""Of a file that is within the upload limit; each costs time, and sensible ones hold kilobytes."""

PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
COLOURS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8}
"""What says how the numbers are meant, with its length in bytes."""

EXTRAS = frozenset({b"iCCP", b"eXIf", b"pHYs", b"iTXt"})

BIT_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""By colour type: gray, RGB, palette, gray with alpha, RGB with alpha."""

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
GRAY, PALETTE = 0, 3

PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""Of Adam7: the first row and column, and the steps of both."""

INFLATED_BYTES = 1 << 20
"""At a time."""

MOST_DEFLATED = 1032
"""How many bytes can come of one: a match of 258 bytes takes two bits (RFC 1951, section 3.2.5)."""

PIXELS_MISSING = "the image is damaged: pixels are missing"

XMP_KEYWORD = b"XML:com.adobe.xmp"

Chunk = tuple[bytes, bytes]
"""Four letters, and the data."""


@dataclass(frozen=True, slots=True)
class PngHeader:
    """What the first chunk says: sides in pixels, bits a channel."""

    width: int
    height: int
    bit_depth: int
    colour_type: int
    is_interlaced: bool

    @property
    def pixels_bytes(self) -> int:
        """What its pixels have to inflate to: rows, each behind the number of its filter."""
        passes = PASSES if self.is_interlaced else ((0, 0, 1, 1),)
        sides = [(-(-(self.height - y) // dy), -(-(self.width - x) // dx)) for y, x, dy, dx in passes]
        row_bits = CHANNELS[self.colour_type] * self.bit_depth
        return sum(rows * (1 + -(-columns * row_bits // 8)) for rows, columns in sides if rows > 0 and columns > 0)


@dataclass(frozen=True, slots=True)
class PngFile:
    """A PNG taken apart. `bare` is a PNG of the pixels alone; the other fields are None or empty where the file
    has nothing usable of the kind."""

    header: PngHeader
    bare: bytes
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    density: bytes | None = None
    colours: tuple[Chunk, ...] = ()

    def with_extras(self) -> bytes:
        """A PNG with what a reader of metadata asks for: resolution, EXIF and XMP."""
        extras = ((b"pHYs", self.density), (b"eXIf", self.exif), (b"iTXt", _xmp_text(self.xmp)))
        written = b"".join(chunk_bytes(kind, data) for kind, data in extras if data)
        if not written:
            return self.bare
        return self.bare[:PAST_HEADER] + written + self.bare[PAST_HEADER:]

    def require_pixels(self) -> None:
        """Raise InvalidPictureError when the pixels inflate to fewer bytes than the header tells of: what Pillow
        is content with, if their data end as they should."""
        inflate, missing = zlib.decompressobj(), self.header.pixels_bytes
        for kind, chunk in _sound_chunks(self.bare, is_whole=True):
            if kind == b"IDAT" and missing > 0:
                missing -= _num_inflated(inflate, chunk[8:-4], missing)
        if missing > 0:
            raise InvalidPictureError(PIXELS_MISSING)


def png_header(data: bytes) -> PngHeader:
    """By the first chunk, however the file goes on. Raises InvalidPictureError, AnimatedPictureError."""
    header = _header(data)
    for kind, chunk in _sound_chunks(data, is_whole=False):
        if kind == b"acTL" and int.from_bytes(chunk[8:12], "big") > 1:
            raise AnimatedPictureError("animated images are not supported")
        if kind == b"IDAT":
            break
    return header


def take_apart(data: bytes) -> PngFile:
    """Raises InvalidPictureError for a file whose chunks are cut off, damaged where it matters, or too many."""
    header = _header(data)
    pixels, extras, colours = list[tuple[bytes, memoryview]](), dict[str, bytes](), dict[bytes, bytes]()
    for kind, chunk in _sound_chunks(data, is_whole=True):
        if kind in PIXELS:
            pixels.append((kind, _for_decoders(header, kind, chunk)))
        elif kind in COLOURS and len(chunk) == AROUND + COLOURS[kind]:
            colours.setdefault(kind, bytes(chunk[8:-4]))
        elif kind in EXTRAS and (extra := _extra(kind, bytes(chunk[8:-4]))):
            extras.setdefault(extra[0], extra[1])
    _require_one_picture(header, pixels)
    _require_possible_pixels(header, pixels)
    bare = b"".join([SIGNATURE, *(chunk for _, chunk in pixels)])
    return PngFile(header, bare, **extras, colours=tuple(colours.items()))


def _header(data: bytes) -> PngHeader:
    if data[8:16] != b"\0\0\0\rIHDR" or len(data) < PAST_HEADER:
        raise InvalidPictureError("the image is damaged: its header cannot be read")
    width, height, bit_depth, colour_type, *methods = struct.unpack(">IIBBBBB", data[16:29])
    is_sound = int.from_bytes(data[29:33], "big") == zlib.crc32(data[12:29])
    known = bit_depth in BIT_DEPTHS.get(colour_type, ()) and methods[:2] == [0, 0] and methods[2] in (0, 1)
    if not (is_sound and known and 0 < width < 1 << 31 and 0 < height < 1 << 31):
        raise InvalidPictureError("the image is damaged: its header cannot be read")
    return PngHeader(width, height, bit_depth, colour_type, methods[2] == 1)


def _sound_chunks(data: bytes, *, is_whole: bool) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and bytes of the chunks up to the end mark, without those ancillary ones that are damaged. `is_whole`: one
    that is cut off, or that matters and is damaged, raises InvalidPictureError; otherwise it ends the walk."""
    at, view = len(SIGNATURE), memoryview(data)
    for _ in range(MAX_CHUNKS):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + AROUND + length
        if end > len(data):
            break
        is_sound = zlib.crc32(view[at + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")
        if is_sound:
            yield kind, view[at:end]
        elif kind[:1].isupper():
            break
        if kind == b"IEND":
            return
        at = end
    if is_whole:
        raise InvalidPictureError("the image is damaged: it is cut off, or its pixels have changed on the way")


def _for_decoders(header: PngHeader, kind: bytes, chunk: memoryview) -> memoryview:
    """A chunk as Pillow understands it: it scales gray of 2 and 4 bits up to 8, but not the one that is
    to be transparent."""
    if kind == b"tRNS" and header.colour_type == GRAY and header.bit_depth in (2, 4) and len(chunk) == AROUND + 2:
        most = (1 << header.bit_depth) - 1
        gray = int.from_bytes(chunk[8:10], "big") % (most + 1) * (255 // most)
        return memoryview(chunk_bytes(kind, gray.to_bytes(2, "big")))
    return chunk


def _require_one_picture(header: PngHeader, chunks: list[tuple[bytes, memoryview]]) -> None:
    """Of two headers decoders would believe the second, limits the first; and a palette has to be there, and whole."""
    kinds = [kind for kind, _ in chunks]
    palettes = [len(chunk) - AROUND for kind, chunk in chunks if kind == b"PLTE"]
    lacks_palette = header.colour_type == PALETTE and not palettes
    has_odd_palette = len(palettes) > 1 or any(size == 0 or size % 3 for size in palettes)
    if kinds.count(b"IHDR") != 1 or kinds.count(b"tRNS") > 1 or lacks_palette or has_odd_palette:
        raise InvalidPictureError("the image is damaged: its parts are not those of one image")


def _require_possible_pixels(header: PngHeader, chunks: list[tuple[bytes, memoryview]]) -> None:
    """A few bytes that claim to be a large image cost no memory for it."""
    packed_bytes = sum(len(chunk) - AROUND for kind, chunk in chunks if kind == b"IDAT")
    if MOST_DEFLATED * packed_bytes < header.pixels_bytes:
        raise InvalidPictureError(PIXELS_MISSING)


def _num_inflated(inflate: zlib._Decompress, packed: bytes | memoryview, enough: int) -> int:
    """How many bytes come of these; no more than about `enough` are unpacked."""
    count = 0
    while packed and count < enough:
        try:
            count += len(inflate.decompress(packed, INFLATED_BYTES))
        except zlib.error as error:
            raise InvalidPictureError("the image is damaged: its pixels cannot be decoded") from error
        packed = inflate.unconsumed_tail
    return count


def _extra(kind: bytes, body: bytes) -> tuple[str, bytes] | None:
    """The field of a PngFile that a chunk is for, if it is for one and usable."""
    if kind == b"iCCP":
        name, _, packed = body.partition(b"\0")
        found = _inflated(packed[1:]) if name and packed[:1] == b"\0" else None
        return ("icc", found) if found else None
    if kind == b"eXIf" and len(body) <= MAX_EXTRA_BYTES:
        return "exif", body
    if kind == b"pHYs" and len(body) == 9:  # two numbers and a unit
        return "density", body
    if kind == b"iTXt" and body.startswith(XMP_KEYWORD + b"\0"):
        found = _international_text(body)
        return ("xmp", found) if found else None
    return None


def _international_text(body: bytes) -> bytes | None:
    """The text of an iTXt chunk: keyword, flag, method, language, translated keyword, text."""
    head, rest = body[len(XMP_KEYWORD) + 1 :][:2], body[len(XMP_KEYWORD) + 3 :]
    text = rest.split(b"\0", 2)[-1]
    if head == b"\1\0":
        return _inflated(text)
    return text if len(text) <= MAX_EXTRA_BYTES else None


def _inflated(packed: bytes) -> bytes | None:
    inflate = zlib.decompressobj()
    try:
        found = inflate.decompress(packed, MAX_EXTRA_BYTES + 1)
    except zlib.error:
        return None
    return found if inflate.eof and len(found) <= MAX_EXTRA_BYTES else None


def _xmp_text(xmp: bytes | None) -> bytes | None:
    return XMP_KEYWORD + b"\0\0\0\0\0" + xmp if xmp else None


def chunk_bytes(kind: bytes, data: bytes) -> bytes:
    """A chunk as it stands in a file: length, kind, data, checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
