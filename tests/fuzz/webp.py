"""WEBP taken apart into the chunks of its RIFF, made wrong there, and put together again."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, replace

from tests.fuzz import mutations
from tests.fuzz.extras import Extras

KINDS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ", b"FRGM", b"ZZZZ", b"\0\0\0\0")
SIDES = (1, 2, 33, 5000, 16_383, 16_384, 65_536, 1 << 24)


@dataclass(frozen=True, slots=True)
class Chunk:
    """`length` stands where it is to lie."""

    kind: bytes
    data: bytes
    length: int | None = None

    def written(self) -> bytes:
        length = len(self.data) if self.length is None else self.length
        return self.kind + struct.pack("<I", length) + self.data + b"\0" * (len(self.data) % 2)


def parsed(data: bytes) -> list[Chunk]:
    """The chunks as far as they go."""
    found, place = [], 12
    while place + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, place + 4)
        found.append(Chunk(data[place : place + 4], data[place + 8 : place + 8 + length]))
        place += 8 + length + length % 2
    return found


def assembled(chunks: list[Chunk], length: int | None = None) -> bytes:
    body = b"WEBP" + b"".join(chunk.written() for chunk in chunks)
    return b"RIFF" + struct.pack("<I", len(body) if length is None else length) + body


def wrong(rng: random.Random, data: bytes, extras: Extras) -> bytes:
    """The WEBP with one to five of its chunks made wrong."""
    chunks = parsed(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        chunks = rng.choice((_one_changed, _one_changed, _moved, _added, _canvas_lies, _frame_lies))(
            rng, chunks, extras
        )
    length = rng.choices((None, 0, 4, 10, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF), (12, 1, 1, 1, 1, 1, 1))[0]
    after = rng.choices((b"", b"\0" * 100, b"PK\3\4" + b"<script>", data), (12, 1, 1, 1))[0]
    return assembled(chunks, length) + after


def _one_changed(rng: random.Random, chunks: list[Chunk], extras: Extras) -> list[Chunk]:
    if not chunks:
        return [_invented(rng, extras)]
    i = rng.randrange(len(chunks))
    old = chunks[i]
    changed = rng.choice(
        (
            list,
            lambda: [old, old],
            lambda: [replace(old, data=mutations.mutated(rng, old.data, rng.choice((1, 3))))],
            lambda: [replace(old, data=mutations.flip_bits(rng, old.data[:30]) + old.data[30:])],
            lambda: [replace(old, data=b"")],
            lambda: [replace(old, data=(old.data or b"\0") * (1 + 65_000 // (len(old.data) + 1)))],
            lambda: [replace(old, kind=rng.choice(KINDS))],
            lambda: [replace(old, length=rng.choice((0, 1, len(old.data) + 1, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)))],
        )
    )()
    return chunks[:i] + changed + chunks[i + 1 :]


def _moved(rng: random.Random, chunks: list[Chunk], extras: Extras) -> list[Chunk]:
    if not chunks:
        return chunks
    i = rng.randrange(len(chunks))
    rest = chunks[:i] + chunks[i + 1 :]
    place = rng.randrange(len(rest) + 1)
    return [*rest[:place], chunks[i], *rest[place:]]


def _added(rng: random.Random, chunks: list[Chunk], extras: Extras) -> list[Chunk]:
    place = rng.randrange(len(chunks) + 1)
    times = rng.choice((1, 1, 1, 2, 1000))
    return chunks[:place] + [_invented(rng, extras)] * times + chunks[place:]


def _canvas(rng: random.Random) -> bytes:
    width, height = rng.choice(SIDES) - 1, rng.choice(SIDES) - 1
    return bytes((rng.randrange(256), 0, 0, 0)) + struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3]


def _invented(rng: random.Random, extras: Extras) -> Chunk:
    place = struct.pack("<I", rng.choice(SIDES) - 1)[:3]
    frame = place + place + place + place + b"\0\0\0" + b"\3"
    return rng.choice(
        (
            Chunk(b"VP8X", _canvas(rng)),
            Chunk(b"ANIM", rng.randbytes(rng.choice((0, 6)))),
            Chunk(b"ANMF", frame + rng.randbytes(rng.choice((0, 30)))),
            Chunk(b"ALPH", rng.randbytes(rng.choice((0, 1, 100)))),
            Chunk(b"ICCP", extras.icc),
            Chunk(b"EXIF", rng.choice((extras.exif, b"Exif\0\0" + extras.exif, b""))),
            Chunk(b"XMP ", extras.xmp),
            Chunk(rng.choice(KINDS), rng.randbytes(rng.choice((0, 1, 9, 100)))),
        )
    )


def _canvas_lies(rng: random.Random, chunks: list[Chunk], extras: Extras) -> list[Chunk]:
    """Another canvas than the picture on it; one is put in where there was none."""
    return [Chunk(b"VP8X", _canvas(rng)), *(chunk for chunk in chunks if chunk.kind != b"VP8X")]


def _frame_lies(rng: random.Random, chunks: list[Chunk], extras: Extras) -> list[Chunk]:
    """Another size in the picture's own header, which both codings have in the first ten bytes."""
    for i, chunk in enumerate(chunks):
        if chunk.kind in (b"VP8 ", b"VP8L") and len(chunk.data) > 10:
            data = bytearray(chunk.data)
            start = 6 if chunk.kind == b"VP8 " else 1
            data[start : start + 4] = struct.pack("<I", rng.choice((rng.randrange(1 << 32), 0, 0x3FFF3FFF, 0x13881388)))
            return [*chunks[:i], replace(chunk, data=bytes(data)), *chunks[i + 1 :]]
    return chunks
