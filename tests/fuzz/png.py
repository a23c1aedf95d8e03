"""PNG taken apart into chunks, made wrong there, and put together with sums that are right."""

from __future__ import annotations

import random
import struct
import zlib
from dataclasses import dataclass, replace
from functools import cache

from tests.fuzz import mutations
from tests.fuzz.extras import Extras

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = (
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"tEXt", b"zTXt", b"iTXt", b"bKGD",
    b"pHYs", b"sBIT", b"sPLT", b"hIST", b"tIME", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"cICP", b"mDCv", b"CgBI", b"JDAT",
    b"iDOT", b"vpAg", b"ZZZZ", b"zzzz", b"\0\0\0\0", b"\xff\xff\xff\xff",
)  # fmt: skip
SIDES = (0, 1, 2, 32, 33, 255, 5000, 16_383, 65_500, 65_536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
BOMB_BYTES = 64 << 20
XMP = b"XML:com.adobe.xmp\0"


@dataclass(frozen=True, slots=True)
class Chunk:
    """`length` and `check` stand where they are not to be what the data make them."""

    kind: bytes
    data: bytes
    length: int | None = None
    check: int | None = None

    def written(self) -> bytes:
        length = len(self.data) if self.length is None else self.length
        check = zlib.crc32(self.kind + self.data) if self.check is None else self.check
        return struct.pack(">I", length) + self.kind + self.data + struct.pack(">I", check)


def parsed(data: bytes) -> list[Chunk]:
    """The chunks as far as they go. What is left after the last whole one is lost."""
    found, place = [], len(SIGNATURE)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 8 + length
        if end + 4 > len(data):
            break
        found.append(Chunk(data[place + 4 : place + 8], data[place + 8 : end]))
        place = end + 4
    return found


def assembled(chunks: list[Chunk]) -> bytes:
    return SIGNATURE + b"".join(chunk.written() for chunk in chunks)


def written_plainly(width: int, height: int, depth: int, colour_type: int, rows: bytes, interlace: int = 0) -> bytes:
    """A PNG of rows without filters: their filter bytes are put in here."""
    size = len(rows) // height
    lines = b"".join(b"\0" + rows[i * size : (i + 1) * size] for i in range(height))
    return _of(width, height, depth, colour_type, interlace, lines)


def interlaced(width: int, height: int, depth: int, colour_type: int) -> bytes:
    """All seven passes, with some pattern."""
    lines = b""
    for x, y, dx, dy in PASSES:
        columns, rows = (width - x + dx - 1) // dx, (height - y + dy - 1) // dy
        size = (columns * CHANNELS[colour_type] * depth + 7) // 8
        if columns:
            lines += b"".join(b"\0" + bytes((row * 7 + i) % 256 for i in range(size)) for row in range(rows))
    return _of(width, height, depth, colour_type, 1, lines)


def _of(width: int, height: int, depth: int, colour_type: int, interlace: int, lines: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlace)
    return assembled([Chunk(b"IHDR", header), Chunk(b"IDAT", zlib.compress(lines)), Chunk(b"IEND", b"")])


def wrong(rng: random.Random, data: bytes, extras: Extras) -> bytes:
    """The PNG with one to five of its chunks made wrong."""
    chunks = parsed(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        chunks = rng.choice((_one_changed, _one_changed, _moved, _added, _header_lies, _data_lies))(rng, chunks, extras)
    after = rng.choices((b"", b"\0" * 100, b"PK\3\4" + b"<script>", data), (12, 1, 1, 1))[0]
    return assembled(chunks) + after


@cache
def _bomb(size_bytes: int) -> bytes:
    return zlib.compress(b"\0" * size_bytes, 9)


def _place(rng: random.Random, chunks: list[Chunk]) -> int:
    return rng.randrange(len(chunks) + 1)


def _one_changed(rng: random.Random, chunks: list[Chunk], extras: Extras) -> list[Chunk]:
    if not chunks:
        return [_invented(rng, extras)]
    i = rng.randrange(len(chunks))
    old = chunks[i]
    data = old.data
    changed = rng.choice(
        (
            list,
            lambda: [old, old],
            lambda: [replace(old, data=mutations.mutated(rng, data, rng.choice((1, 3))))],
            lambda: [replace(old, data=b"")],
            lambda: [replace(old, data=(data or b"\0") * (1 + 65_536 // (len(data) + 1)))],
            lambda: [replace(old, kind=rng.choice(KINDS))],
            lambda: [
                replace(old, length=rng.choice((0, len(data) + 1, max(0, len(data) - 1), 0x7FFFFFFF, 0xFFFFFFFF)))
            ],
            lambda: [replace(old, check=rng.randrange(1 << 32))],
            lambda: [replace(old, data=data[start : start + 7]) for start in range(0, len(data), 7)],
            lambda: [replace(old, data=b"")] * 1000 + [old],
        )
    )()
    return chunks[:i] + changed + chunks[i + 1 :]


def _moved(rng: random.Random, chunks: list[Chunk], extras: Extras) -> list[Chunk]:
    if not chunks:
        return chunks
    i = rng.randrange(len(chunks))
    rest = chunks[:i] + chunks[i + 1 :]
    place = _place(rng, rest)
    return [*rest[:place], chunks[i], *rest[place:]]


def _added(rng: random.Random, chunks: list[Chunk], extras: Extras) -> list[Chunk]:
    place = _place(rng, chunks) if rng.random() < 0.3 else 1
    times = rng.choice((1, 1, 1, 2, 1000))
    return chunks[:place] + [_invented(rng, extras)] * times + chunks[place:]


def _invented(rng: random.Random, extras: Extras) -> Chunk:
    kind = rng.choice(KINDS)
    bomb = _bomb(rng.choice((1, 1 << 20, BOMB_BYTES)))
    known = {
        b"iCCP": b"name\0\0" + rng.choice((bomb, b"", b"\xff", zlib.compress(extras.icc), zlib.compress(extras.icc))),
        b"zTXt": b"name\0" + rng.choice((b"\0", b"\1")) + bomb,
        b"iTXt": rng.choice((b"name\0\1\0\0\0" + bomb, XMP + b"\0\0\0\0" + extras.xmp, XMP + b"\1\0\0\0" + bomb)),
        b"tEXt": rng.choice(
            (b"Raw profile type exif\0\nexif\n 9999\n4a", b"no separator", b"\0", b"XML:com.adobe.xmp\0x")
        ),
        b"eXIf": extras.exif,
        b"IHDR": struct.pack(">IIBBBBB", rng.choice(SIDES), rng.choice(SIDES), 8, rng.choice((0, 2, 3, 4, 6)), 0, 0, 0),
        b"acTL": struct.pack(">II", rng.choice((0, 1, 2, 0xFFFFFFFF)), rng.choice((0, 1))),
        b"fcTL": struct.pack(
            ">IIIIIHHBB", rng.choice((0, 1)), rng.choice(SIDES), 19, rng.choice((0, 0xFFFFFFFF)), 0, 1, 0, 9, 9
        ),
        b"PLTE": bytes(rng.choice((0, 1, 3, 767, 768, 769, 3000))),
        b"tRNS": bytes(rng.choice((0, 1, 2, 5, 6, 7, 256, 257))),
        b"pHYs": struct.pack(">IIB", 0xFFFFFFFF, 0, rng.choice((0, 1, 2))),
        b"gAMA": struct.pack(">I", rng.choice((0, 1, 0xFFFFFFFF))),
    }
    return Chunk(kind, known.get(kind, rng.randbytes(rng.choice((0, 1, 13, 1000)))))


def _header_lies(rng: random.Random, chunks: list[Chunk], extras: Extras) -> list[Chunk]:
    if not chunks or len(chunks[0].data) != 13:
        return chunks
    fields = list(struct.unpack(">IIBBBBB", chunks[0].data))
    i = rng.randrange(7)
    fields[i] = rng.choice(SIDES) if i < 2 else rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 255))
    return [Chunk(b"IHDR", struct.pack(">IIBBBBB", *fields)), *chunks[1:]]


def _data_lies(rng: random.Random, chunks: list[Chunk], extras: Extras) -> list[Chunk]:
    """The rows in another number or length than the header says, in another kind of deflate, or damaged."""
    kept = [chunk for chunk in chunks if chunk.kind != b"IDAT"]
    try:
        rows = zlib.decompress(b"".join(chunk.data for chunk in chunks if chunk.kind == b"IDAT"))
    except zlib.error:
        rows = b"\0" * 1000
    rows = rng.choice(
        (mutations.mutated(rng, rows), rows + b"\0" * rng.choice((1, 1000, 100_000)), b"", b"\5" * len(rows))
    )
    packed = rng.choices(
        (zlib.compress(rows, rng.choice((0, 1, 9)), rng.choice((9, 15))), rows, _bomb(BOMB_BYTES)), (8, 2, 1)
    )[0]
    place = min(len(kept), rng.choice((1, len(kept) - 1 if kept else 0)))
    return [*kept[:place], Chunk(b"IDAT", packed), *kept[place:]]
