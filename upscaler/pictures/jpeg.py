"""The header of a JPEG: its sides, and which of its segments a decoder gets to see.

ITU-T T.81, annex B. Pillow walks over segments byte by byte in Python, millions of them if a file has as many. So it
gets what decides about pixels, and of profile, EXIF and XMP a bounded part; of a phone's several pictures it sees
the primary one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from upscaler.errors import InvalidPictureError

SIGNATURE = b"\xff\xd8\xff"
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start of frame, of every process; the other three are tables."""

PIXELS = FRAMES | {0xC4, 0xCC, 0xDB, 0xDD, 0xE0, 0xEE}
"""Frames, tables, restart interval, JFIF, and Adobe's word on the colour transform."""

SCAN, END = 0xDA, 0xD9
ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""

MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""What ends coded data: neither a stuffed byte nor a restart nor filling."""

EXTRAS = {(0xE1, b"Exif\0"): 16, (0xE1, b"http://ns.adobe.com/xap/1.0/\0"): 1, (0xE2, b"ICC_PROFILE\0"): 17}
"""What is kept beside, and of how many segments of 64 KiB at most: EXIF, XMP, profile."""

MAX_SEGMENTS = 10_000
MAX_SCANS = 100
"""A progressive JPEG has about ten scans, each of which passes over the whole picture: 500 of a file within all
limits take seven seconds, thousands take minutes."""

BITS = 8


@dataclass(frozen=True, slots=True)
class JpegFile:
    """Sides in pixels, as stored; `bare` is the JPEG that a decoder gets to see."""

    width: int
    height: int
    num_channels: int
    bare: bytes


def take_apart(data: bytes) -> JpegFile:
    """Raises InvalidPictureError for a header that is damaged, or for more scans than any encoder writes.

    Nothing behind the end mark is in `bare`: a phone's video may stand there, or whatever else.
    """
    kept, frame, left = [SIGNATURE[:2]], None, dict(EXTRAS)
    for marker, body, end in _segments(data):
        if marker in FRAMES:
            frame = frame or body
        if marker == SCAN and frame is not None and len(frame) >= 6:
            start = end - len(body) - 4
            return _checked(frame, b"".join([*kept, data[start : _end_of_scans(data, start)]]))
        if marker in PIXELS or _is_wanted(marker, body, left):
            kept.append(bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body)
    raise InvalidPictureError("the image is damaged: its header cannot be read")


def _checked(frame: bytes, bare: bytes) -> JpegFile:
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    if frame[0] != BITS or not width or not height:
        raise InvalidPictureError("the image is a JPEG of a kind that is not supported")
    return JpegFile(width, height, frame[5], bare)


def _end_of_scans(data: bytes, at: int) -> int:
    """Where the primary picture ends, from its first scan on. Without an end mark, where the file does."""
    num_scans = 0
    for _ in range(MAX_SEGMENTS):
        found = MARKER.search(data, at)
        if found is None:
            return len(data)
        marker, at = found[0][1], found.end()
        if marker == END:
            return at
        num_scans += marker == SCAN
        if num_scans > MAX_SCANS:
            break
        if marker not in ALONE:
            at += int.from_bytes(data[at : at + 2], "big")
    raise InvalidPictureError("the image takes too long to be decoded")


def _is_wanted(marker: int, body: bytes, left: dict[tuple[int, bytes], int]) -> bool:
    """Whether a segment is one of those that are kept beside; counts down how many more of them are."""
    for (wanted, start), more in left.items():
        if marker == wanted and body.startswith(start):
            left[wanted, start] = more - 1
            return more > 0
    return False


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, data and end of each segment up to the first scan. What stands between them is passed over."""
    at = len(SIGNATURE) - 1
    for _ in range(MAX_SEGMENTS):
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            return
        marker = data[at + 1]
        if marker in ALONE:
            at += 2
        elif marker in (0x00, 0xFF):
            at += 1
        else:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if end < at + 4 or end > len(data):
                return
            yield marker, data[at + 4 : end], end
            at = end
