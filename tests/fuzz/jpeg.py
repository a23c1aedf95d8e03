"""JPEG taken apart into segments, made wrong there, and put together again."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, replace

from tests.fuzz import mutations
from tests.fuzz.extras import Extras

ALONE = {0x01, *range(0xD0, 0xDA)}
"""Markers without a length."""

SCAN = 0xDA
FRAMES = tuple(marker for marker in range(0xC0, 0xD0) if marker not in (0xC4, 0xC8, 0xCC))
MARKERS = (
    *FRAMES,
    0xC4,
    0xCC,
    0xD0,
    0xD8,
    0xD9,
    SCAN,
    0xDB,
    0xDC,
    0xDD,
    0xDE,
    *range(0xE0, 0xF0),
    0xFE,
    0x01,
    0x02,
    0x00,
    0xFF,
)
SIDES = (0, 1, 7, 8, 16, 255, 5000, 16_383, 65_500, 65_535)


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker and what belongs to it; of a scan also the coded data that follow. `length` where it is to lie."""

    marker: int
    data: bytes = b""
    coded: bytes = b""
    length: int | None = None

    def written(self) -> bytes:
        head = bytes((0xFF, self.marker))
        if self.marker in ALONE and not self.data:
            return head + self.coded
        length = min(0xFFFF, len(self.data) + 2) if self.length is None else self.length
        return head + struct.pack(">H", length) + self.data + self.coded


def parsed(data: bytes) -> list[Segment]:
    """The segments as far as they go."""
    found, place = [], 0
    while place + 2 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in ALONE:
            found.append(Segment(marker))
            place += 2
            continue
        if place + 4 > len(data):
            break
        (length,) = struct.unpack_from(">H", data, place + 2)
        end = place + 2 + length
        coded_end = _coded_end(data, end) if marker == SCAN else end
        found.append(Segment(marker, data[place + 4 : end], data[end:coded_end]))
        place = coded_end
    return found


def _coded_end(data: bytes, place: int) -> int:
    """Where the coded data end: at a marker that is neither a stuffed byte nor a restart."""
    while (place := data.find(b"\xff", place)) >= 0 and place + 1 < len(data):
        if data[place + 1] != 0 and not 0xD0 <= data[place + 1] <= 0xD7:
            return place
        place += 2
    return len(data)


def assembled(segments: list[Segment]) -> bytes:
    return b"".join(segment.written() for segment in segments)


def wrong(rng: random.Random, data: bytes, extras: Extras) -> bytes:
    """The JPEG with one to five of its segments made wrong."""
    segments = parsed(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        ways = (_one_changed, _one_changed, _moved, _added, _frame_lies, _scans_repeated)
        segments = rng.choice(ways)(rng, segments, extras)
    after = rng.choices((b"", b"\0" * 100, b"PK\3\4" + b"<script>", data), (12, 1, 1, 1))[0]
    return assembled(segments) + after


def _one_changed(rng: random.Random, segments: list[Segment], extras: Extras) -> list[Segment]:
    if not segments:
        return [_invented(rng, extras)]
    i = rng.randrange(len(segments))
    old = segments[i]
    changed = rng.choice(
        (
            list,
            lambda: [old, old],
            lambda: [replace(old, data=mutations.mutated(rng, old.data))],
            lambda: [replace(old, coded=mutations.mutated(rng, old.coded, rng.choice((1, 3))))],
            lambda: [replace(old, data=mutations.flip_bits(rng, old.data))],
            lambda: [replace(old, data=b"")],
            lambda: [replace(old, data=(old.data or b"\0") * (1 + 65_000 // (len(old.data) + 1)))],
            lambda: [replace(old, marker=rng.choice(MARKERS))],
            lambda: [replace(old, length=rng.choice((0, 1, 2, 3, len(old.data), len(old.data) + 3, 0xFFFF)))],
            lambda: [replace(old, coded=old.coded + b"\xff" * rng.choice((1, 2, 100_000)))],
        )
    )()
    return segments[:i] + changed + segments[i + 1 :]


def _moved(rng: random.Random, segments: list[Segment], extras: Extras) -> list[Segment]:
    if not segments:
        return segments
    i = rng.randrange(len(segments))
    rest = segments[:i] + segments[i + 1 :]
    place = rng.randrange(len(rest) + 1)
    return [*rest[:place], segments[i], *rest[place:]]


def _added(rng: random.Random, segments: list[Segment], extras: Extras) -> list[Segment]:
    place = rng.randrange(len(segments) + 1) if rng.random() < 0.3 else 1
    times = rng.choice((1, 1, 1, 2, 300))
    return segments[:place] + [_invented(rng, extras)] * times + segments[place:]


def _invented(rng: random.Random, extras: Extras) -> Segment:
    numbers = (rng.choice((0, 1, 2, 255)), rng.choice((0, 1, 2, 255)))
    return rng.choice(
        (
            Segment(0xE1, b"Exif\0\0" + extras.exif),
            Segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + extras.xmp[:60_000]),
            Segment(0xE2, b"ICC_PROFILE\0" + bytes(numbers) + rng.randbytes(100)),
            Segment(0xE2, b"ICC_PROFILE\0\1\1" + extras.icc),
            Segment(0xE2, b"MPF\0" + extras.exif),
            Segment(0xE0, b"JFIF\0\1\1" + rng.randbytes(rng.choice((0, 7, 100)))),
            Segment(0xED, b"Photoshop 3.0\x008BIM" + rng.randbytes(rng.choice((0, 4, 300)))),
            Segment(0xEE, b"Adobe" + rng.randbytes(rng.choice((0, 6, 7, 8)))),
            Segment(0xDD, struct.pack(">H", rng.choice((0, 1, 2, 0xFFFF)))),
            Segment(0xDB, rng.randbytes(rng.choice((0, 1, 65, 130)))),
            Segment(0xC4, bytes((rng.choice((0, 1, 16, 17, 255)),)) + rng.randbytes(rng.choice((0, 16, 40, 300)))),
            Segment(rng.choice(FRAMES), struct.pack(">BHHB", 8, rng.choice(SIDES), rng.choice(SIDES), 1) + b"\1\x11\0"),
            Segment(0xDC, struct.pack(">H", rng.choice(SIDES))),
            Segment(0xFE, rng.randbytes(rng.choice((0, 1, 1000)))),
            Segment(rng.choice(MARKERS), rng.randbytes(rng.choice((0, 1, 20)))),
        )
    )


def _frame_lies(rng: random.Random, segments: list[Segment], extras: Extras) -> list[Segment]:
    """Sides, precision, components and their sampling other than the coded data have them."""
    for i, segment in enumerate(segments):
        if segment.marker in FRAMES and len(segment.data) >= 6:
            data = bytearray(segment.data)
            what = rng.randrange(4)
            if what == 0:
                data[1:3] = struct.pack(">H", rng.choice(SIDES))
            elif what == 1:
                data[3:5] = struct.pack(">H", rng.choice(SIDES))
            else:
                data[rng.choice((0, 5, *range(6, len(data))))] = rng.choice(
                    (0, 1, 2, 3, 4, 8, 12, 16, 0x11, 0x14, 0x41, 0x44, 255)
                )
            marker = segment.marker if what < 3 else rng.choice(FRAMES)
            return [*segments[:i], replace(segment, marker=marker, data=bytes(data)), *segments[i + 1 :]]
    return segments


def _scans_repeated(rng: random.Random, segments: list[Segment], extras: Extras) -> list[Segment]:
    """The library goes over the whole picture for every scan of a progressive file."""
    scans = [i for i, segment in enumerate(segments) if segment.marker == SCAN]
    if not scans:
        return segments
    i = rng.choice(scans)
    scan = replace(segments[i], coded=segments[i].coded[: rng.choice((0, 2, 1000))])
    return segments[: i + 1] + [scan] * rng.choice((1, 10, 600, 5000)) + segments[i + 1 :]
