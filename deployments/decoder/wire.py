"""What a Decoder and its children say to each other: a line of JSON each way, and pixels in a shared file.

A child is not believed: it may be under the command of the picture that it decodes. So nothing is unpickled, every
member is checked where it arrives, and pixels are copied out of the file before anybody looks at them.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from upscaler.errors import PictureError, PictureTooLargeError
from upscaler.pictures.chunks import COLOURS
from upscaler.pictures.metadata import MAX_DPI, Metadata
from upscaler.pictures.picture import Format, Limits, Picture, check_side
from upscaler.pictures.values import Values

MAX_LINE_BYTES = 16 << 10
MAX_PX_BYTES = 8
"""RGB and alpha of 16 bits."""

MAX_EXTRAS_BYTES = 4 << 20
"""Profile, EXIF and XMP, each bounded by itself."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a picture may be: its sides, and those of its enlargement by `scale` in an asked-for format."""

    limits: Limits
    scale: int
    format: Format | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A child's task. Without `wants_pixels` it only says what it has seen."""

    bounds: Bounds
    wants_pixels: bool = False
    keeps_metadata: bool = False

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @staticmethod
    def from_line(line: bytes) -> Ask:
        said = json.loads(line)
        bounds = said.pop("bounds")
        return Ask(Bounds(Limits(**bounds.pop("limits")), **bounds), **said)


@dataclass(frozen=True, slots=True)
class Seen:
    """What decoding tells of a picture, as displayed. `num_passes`: how often a model has to run for it."""

    format: Format
    width: int
    height: int
    bit_depth: int
    has_alpha: bool
    num_passes: int


@dataclass(frozen=True, slots=True)
class Told:
    """A child's word on a picture, and on what it has put into the shared file: pixels, alpha, then the bytes of
    profile, EXIF and XMP, which are of these lengths (0: there is none)."""

    seen: Seen
    is_gray: bool
    icc_bytes: int
    exif_bytes: int
    xmp_bytes: int
    dpi: tuple[float, float] | None
    has_metadata: bool
    colour_chunks: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A child's word on a file that is not taken: the name of a PictureError, and its members."""

    error: str
    message: str
    facts: dict[str, int]


def told(picture: Picture) -> Told:
    """What is to be said of a picture."""
    metadata = picture.metadata or Metadata()
    alpha, passes = picture.alpha is not None, 2 if picture.needs_two_passes else 1
    return Told(
        Seen(picture.format, picture.width, picture.height, picture.bit_depth, alpha, passes),
        picture.is_gray,
        len(picture.icc_profile or b""),
        len(metadata.exif or b""),
        len(metadata.xmp or b""),
        metadata.dpi,
        picture.metadata is not None,
        tuple((kind.decode("ascii"), data.hex()) for kind, data in picture.colour_chunks),
    )


def refused(error: PictureError) -> Refused:
    """What is to be said of a file that is not taken."""
    facts = {}
    if isinstance(error, PictureTooLargeError):
        facts = {"width": error.width, "height": error.height, "limit": error.limit}
    return Refused(type(error).__name__, str(error), facts)


def check_told(word: Told, bounds: Bounds) -> None:
    """Raise ValueError when what a child tells of is not possible within the bounds."""
    seen, extras = word.seen, (word.icc_bytes, word.exif_bytes, word.xmp_bytes)
    try:
        bounds.limits.check(seen.width, seen.height, bounds.scale)
        check_side(bounds.format, seen.width, seen.height, bounds.scale)
    except PictureTooLargeError as error:
        raise ValueError("it has grown beyond the limits") from error
    if min(seen.width, seen.height) < 1 or seen.bit_depth not in (8, 16) or seen.num_passes not in (1, 2):
        raise ValueError("there is no such picture")
    if min(extras) < 0 or sum(extras) > MAX_EXTRAS_BYTES:
        raise ValueError("its profile or its metadata cannot be so long")
    if word.dpi is not None and not all(0 < value <= MAX_DPI for value in word.dpi):
        raise ValueError("there is no such resolution")
    if any(COLOURS.get(kind.encode()) != len(bytes.fromhex(data)) for kind, data in word.colour_chunks):
        raise ValueError("there are no such colour chunks")


def to_line(word: Told | Refused) -> bytes:
    return json.dumps(asdict(word)).encode() + b"\n"


def write_picture(picture: Picture, fd: int) -> None:
    """Put the parts of a picture into the shared file."""
    metadata = picture.metadata or Metadata()
    os.lseek(fd, 0, os.SEEK_SET)  # somebody may have begun before us, and died
    with os.fdopen(fd, "wb", closefd=False) as file:
        for values in (picture.pixels, picture.alpha):
            if values is not None:
                file.write(np.ascontiguousarray(values).data)
        for data in (picture.icc_profile, metadata.exif, metadata.xmp):
            file.write(data or b"")


def read_picture(word: Told, fd: int) -> Picture:
    """The picture of which a child told. Raises EOFError when the file is shorter than was told."""
    seen, reader = word.seen, _Reader(fd)
    dtype = np.uint16 if seen.bit_depth == 16 else np.uint8
    pixels = reader.values((seen.height, seen.width, 3), dtype)
    alpha = reader.values((seen.height, seen.width), dtype) if seen.has_alpha else None
    icc, exif, xmp = (reader.data(size) for size in (word.icc_bytes, word.exif_bytes, word.xmp_bytes))
    metadata = Metadata(exif, xmp, word.dpi) if word.has_metadata else None
    chunks = tuple((kind.encode("ascii"), bytes.fromhex(data)) for kind, data in word.colour_chunks)
    return Picture(pixels, alpha, word.is_gray, icc, seen.format, metadata, chunks)


class _Reader:
    """Copies out of a file, part after part."""

    def __init__(self, fd: int) -> None:
        self._fd, self._at = fd, 0

    def values(self, shape: tuple[int, ...], dtype: Any) -> Values:
        values = np.empty(shape, dtype)
        self._fill(values.data.cast("B"))
        return values

    def data(self, size_bytes: int) -> bytes | None:
        data = bytearray(size_bytes)
        self._fill(memoryview(data))
        return bytes(data) or None

    def _fill(self, view: memoryview) -> None:
        while view:
            count = os.preadv(self._fd, [view], self._at)
            if not count:
                raise EOFError
            self._at += count
            view = view[count:]
