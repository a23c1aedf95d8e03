"""What pictures carry besides their pixels: as it should be, and as it should not."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

from PIL import Image, ImageCms


def exif(orientation: int = 6) -> bytes:
    """An EXIF block with an orientation, a pointer to a second directory, and GPS."""
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010F] = "maker"
    block.get_ifd(0x8769)[0x9003] = "2024:01:01 00:00:00"
    block.get_ifd(0x8825)[1] = "N"
    return block.tobytes()


TAGS = (0x0112, 0x0112, 0x8769, 0x8825, 0xA005, 0x010F, 0x011A, 0x0111, 0x0117, 0x014A)
"""Orientation; pointers to other directories; what a thumbnail is described by."""


def sound() -> dict[str, Any]:
    """What every format can carry besides its pixels."""
    return {"icc_profile": profiles()[0], "exif": exif(), "xmp": b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"}


DATE = slice(24, 36)
"""Of a profile's making: the same seed must draw the same case later, too."""


@cache
def profiles() -> tuple[bytes, ...]:
    """ICC profiles of every kind of values that a decoder converts by them, or keeps."""
    kinds = ("sRGB", "LAB", "XYZ")
    made = (ImageCms.ImageCmsProfile(ImageCms.createProfile(kind)).tobytes() for kind in kinds)
    undated = tuple(profile[: DATE.start] + bytes(12) + profile[DATE.stop :] for profile in made)
    return (*undated, cmyk_profile())


def cmyk_profile() -> bytes:
    """A printer's profile with the smallest table there can be, from CMYK to Lab (ICC.1:2001-04, section 6.5.8)."""
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table += ramp * 4 + bytes((i * 37) % 256 for i in range(16 * 3)) + ramp * 3
    head = struct.pack(
        ">I4sI4s4s4s12s4s", 144 + len(table), b"", 0x02400000, b"prtr", b"CMYK", b"Lab ", bytes(12), b"acsp"
    )
    head += bytes(28) + struct.pack(">3i", 63_190, 65_536, 54_061)
    return head.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


def hostile_profile(rng: random.Random) -> bytes:
    """A profile that lies about its tags, or whose tags are wrong."""
    profile = bytearray(rng.choice(profiles()))
    for _ in range(rng.choice((0, 1, 2, 10))):
        place = rng.randrange(128, len(profile)) if rng.random() < 0.7 else rng.randrange(128, min(len(profile), 260))
        size = rng.choice((1, 2, 4))
        profile[place : place + size] = rng.choice((b"\0" * size, b"\xff" * size, rng.randbytes(size), b"\x7f" * size))
    if rng.random() < 0.2:
        profile[16:20] = rng.choice((b"RGB ", b"GRAY", b"Lab ", b"CMYK", b"XYZ ", b"YCbr"))
    return bytes(profile[: rng.choice((len(profile),) * 8 + (132, 200))])


@dataclass(frozen=True, slots=True)
class Extras:
    """What a picture can carry besides its pixels, all of it wrong."""

    exif: bytes
    icc: bytes
    xmp: bytes


def hostile(rng: random.Random) -> Extras:
    deep = b"<a>" * rng.choice((1, 1000, 20_000))
    xmp = (
        b"",
        b"<x/>",
        deep,
        deep + b"</a>" * (len(deep) // 3),
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
        b"\xff\xfe<\0x\0/\0>\0",
    )
    return Extras(hostile_exif(rng), hostile_profile(rng), rng.choice(xmp))


def hostile_exif(rng: random.Random) -> bytes:
    """A TIFF directory that lies: loops, counts and offsets past the end, types that an orientation cannot have."""
    order = rng.choice(("<", ">"))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", rng.choice((8, 8, 8, 0, 7, 0xFFFFFFFF)))
    entries = [_entry(rng, order) for _ in range(rng.choice((0, 1, 2, 5, 200)))]
    count = rng.choice((len(entries), len(entries), 0, 0xFFFF))
    following = struct.pack(order + "I", rng.choice((0, 0, 8, 8, 0xFFFFFFF0)))
    return head + struct.pack(order + "H", count) + b"".join(entries) + following + rng.randbytes(rng.choice((0, 64)))


def _entry(rng: random.Random, order: str) -> bytes:
    tag = rng.choice(
        (0x0112, 0x0112, 0x8769, 0x8825, 0xA005, 0x010F, 0x011A, 0x0111, 0x0117, 0x014A, rng.randrange(1 << 16))
    )
    kind = rng.choice((1, 2, 3, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 0, 255, 0xFFFF))
    count = rng.choice((0, 1, 1, 1, 2, 1000, 0xFFFF, 0xFFFFFFFF))
    value = rng.choice((0, 1, 6, 8, 8, 9, 0x00060000, 0x80000000, 0xFFFFFFFF))
    return struct.pack(order + "HHII", tag, kind, count, value)
