"""The header of a WEBP: its canvas, and whether it moves. Pillow makes room for the whole canvas before it tells.

RFC 9649, sections 2.4 to 2.7.
"""

from __future__ import annotations

from collections.abc import Iterator

from upscaler.errors import AnimatedPictureError, InvalidPictureError

FIRST_CHUNK = 12
MAX_CHUNKS = 1 << 16
ANIMATED = 0x02
KEY_FRAME_START = b"\x9d\x01\x2a"
LOSSLESS_START = 0x2F
SIDE = 0x3FFF
"""The 14 bits of a side of one frame."""


def webp_header(data: bytes) -> tuple[int, int]:
    """Width and height in pixels. Raises InvalidPictureError, AnimatedPictureError."""
    kind, body = next(_chunks(data), (b"", b""))
    if kind == b"VP8X" and len(body) >= 10:
        if body[0] & ANIMATED and sum(name == b"ANMF" for name, _ in _chunks(data)) > 1:
            raise AnimatedPictureError("animated images are not supported")
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L" and len(body) >= 5 and body[0] == LOSSLESS_START:
        sides = int.from_bytes(body[1:5], "little")
        return 1 + (sides & SIDE), 1 + (sides >> 14 & SIDE)
    if kind == b"VP8 " and len(body) >= 10 and body[3:6] == KEY_FRAME_START:
        return int.from_bytes(body[6:8], "little") & SIDE, int.from_bytes(body[8:10], "little") & SIDE
    raise InvalidPictureError("the image is damaged: its header cannot be read")


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and data of each chunk; the last one may be cut off."""
    at, view = FIRST_CHUNK, memoryview(data)
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            return
        size = int.from_bytes(view[at + 4 : at + 8], "little")
        yield bytes(view[at : at + 4]), view[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
