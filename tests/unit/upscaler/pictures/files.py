"""Bytes to Picture and back, as the tests of the codec say it."""

from __future__ import annotations

import io

from upscaler.pictures.decoding import Header, decode, probe
from upscaler.pictures.encoding import encode
from upscaler.pictures.picture import Picture

FORMATS = ["png", "jpeg", "webp"]
WIDTH, HEIGHT = 24, 20
"""Of `tests.pictures.picture`, unless it is told otherwise."""


def read(data: bytes) -> Picture:
    return decode(io.BytesIO(data))


def header(data: bytes) -> Header:
    return probe(io.BytesIO(data))


def written(source: Picture, target=None) -> bytes:
    file = io.BytesIO()
    encode(source, file, target)
    return file.getvalue()
