"""Bytes made wrong, for every kind of input, and bytes made fewer."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

INTERESTING = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\r",
    b"\n",
    b"\r\n",
    b'"',
    b"'",
    b";",
    b"=",
    b"%",
    b"\\",
    b"--",
    b" ",
)
MAX_REPEATED_BYTES = 1 << 16

Mutation = Callable[[random.Random, bytes], bytes]


def _place(rng: random.Random, data: bytes) -> int:
    return rng.randrange(len(data) + 1)


def _slice(rng: random.Random, data: bytes) -> tuple[int, int]:
    start = _place(rng, data)
    return start, min(len(data), start + int(2 ** rng.uniform(0, 12)))


def flip_bits(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64)) if data else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def replace_bytes(rng: random.Random, data: bytes) -> bytes:
    start, end = _slice(rng, data)
    return data[:start] + rng.randbytes(end - start) + data[end:]


def delete_slice(rng: random.Random, data: bytes) -> bytes:
    start, end = _slice(rng, data)
    return data[:start] + data[end:]


def repeat_slice(rng: random.Random, data: bytes) -> bytes:
    start, end = _slice(rng, data)
    times = max(1, min(int(2 ** rng.uniform(0, 12)), MAX_REPEATED_BYTES // max(1, end - start)))
    return data[:end] + data[start:end] * times + data[end:]


def move_slice(rng: random.Random, data: bytes) -> bytes:
    start, end = _slice(rng, data)
    rest = data[:start] + data[end:]
    place = _place(rng, rest)
    return rest[:place] + data[start:end] + rest[place:]


def insert_interesting(rng: random.Random, data: bytes) -> bytes:
    place = _place(rng, data)
    return data[:place] + rng.choice(INTERESTING) * rng.choice((1, 1, 2, 100)) + data[place:]


def cut_off(rng: random.Random, data: bytes) -> bytes:
    return data[: _place(rng, data)]


ALL: tuple[Mutation, ...] = (
    flip_bits,
    replace_bytes,
    delete_slice,
    repeat_slice,
    move_slice,
    insert_interesting,
    cut_off,
)


def mutated(rng: random.Random, data: bytes, times: int = 1) -> bytes:
    """So many of these, one after the other."""
    for _ in range(times):
        data = rng.choice(ALL)(rng, data)
    return data


def fewer(data: bytes) -> Iterator[bytes]:
    """The data without a half, a quarter, … of it; then with plainer bytes."""
    size = len(data)
    while size := size // 2:
        for start in range(0, len(data), size):
            yield data[:start] + data[start + size :]
    for place in range(min(len(data), 512)):
        if data[place] != ord("a"):
            yield data[:place] + b"a" + data[place + 1 :]


def split(rng: random.Random, data: bytes) -> tuple[bytes, ...]:
    """The data as it may arrive: whole, byte by byte where it is short, or in any pieces."""
    how = rng.random()
    if how < 0.3 or len(data) < 2:
        return (data,)
    if how < 0.4 and len(data) < 4096:
        return tuple(data[i : i + 1] for i in range(len(data)))
    cuts = sorted({0, len(data), *(rng.randrange(len(data)) for _ in range(rng.choice((1, 2, 5, 30))))})
    return tuple(data[start:end] for start, end in itertools.pairwise(cuts))
