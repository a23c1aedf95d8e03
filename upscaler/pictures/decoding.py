"""Bytes to Picture, by Pillow, and by libvips where a PNG has 16 bits. No other parser is reachable.

What comes from strangers is decoded in a process that can be spared (deployments/decoder).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO

import numpy as np
from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from upscaler.errors import InvalidPictureError, PictureError, UnsupportedFormatError
from upscaler.pictures import chunks, jpeg
from upscaler.pictures.chunks import PngFile, png_header
from upscaler.pictures.colour import LAB, fitting_profile, space_of, to_srgb
from upscaler.pictures.metadata import ORIENTATION, read_metadata
from upscaler.pictures.picture import Format, Picture
from upscaler.pictures.values import Values, to_colours
from upscaler.pictures.webp import webp_header

Image.MAX_IMAGE_PIXELS = None  # Limits decides, from the header, with the contract's answer
PngImagePlugin.MAX_TEXT_CHUNK = 4 << 20  # what is in a PNG that Pillow sees is bounded already

PLUGINS = (JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
"""Loaded here, since Pillow loads all that it has when one is missing."""

SIGNATURES: dict[bytes, Format] = {chunks.SIGNATURE: "png", jpeg.SIGNATURE: "jpeg"}
CMYK_CHANNELS = 4
INKS: dict[str, float | tuple[float, ...]] = {
    "1": 0,
    "L": 157,
    "LA": (157, 83),
    "P": 157,
    "RGB": (157, 83, 231),
    "RGBA": (157, 83, 231, 139),
}
"""By Pillow's mode, a colour that a last row seldom has from end to end."""

DEEP = 16
"""Bits a channel that Pillow would cut down to 8."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before its pixels are decoded; sides in pixels as stored, not yet turned
    by the orientation, which in a PNG may stand behind the pixels."""

    format: Format
    width: int
    height: int
    bit_depth: int = 8
    is_cmyk: bool = False


def sniff(first: bytes) -> Format:
    """The format by its first 12 bytes. Raises UnsupportedFormatError; names and types are not asked."""
    for signature, name in SIGNATURES.items():
        if first.startswith(signature):
            return name
    if first[:4] == b"RIFF" and first[8:12] == b"WEBP":
        return "webp"
    raise UnsupportedFormatError("the file is not a PNG, JPEG or WEBP image")


def probe(file: IO[bytes]) -> Header:
    """Read the header only. Raises UnsupportedFormatError, InvalidPictureError, AnimatedPictureError."""
    return _probed(_whole(file))[0]


def decode(
    file: IO[bytes], keep_metadata_at: int | None = None, check: Callable[[Header], None] | None = None
) -> Picture:
    """Decode a whole picture, orientation applied. Raises what `probe` raises.

    `keep_metadata_at`: the scale at which its metadata is to be kept; None drops it. `check` is given the header
    before any pixel is decoded; what it raises is raised.
    """
    header, data = _probed(_whole(file))
    if check is not None:
        check(header)
    try:
        return _decoded(data, header, keep_metadata_at)
    except (MemoryError, PictureError):
        raise
    except Exception as error:  # a parser's own errors are of every kind; the bytes are to blame
        raise InvalidPictureError("the image is damaged: its pixels cannot be decoded") from error


def _whole(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _probed(data: bytes) -> tuple[Header, bytes]:
    """The header, and the file; of a JPEG, what a decoder gets to see of it."""
    name = sniff(data[:12])
    if name == "png":
        png = png_header(data)
        return Header(name, png.width, png.height, png.bit_depth), data
    if name == "webp":
        return Header(name, *webp_header(data)), data
    frame = jpeg.take_apart(data)
    return Header(name, frame.width, frame.height, is_cmyk=frame.num_channels == CMYK_CHANNELS), frame.bare


def _decoded(data: bytes, header: Header, keep_metadata_at: int | None) -> Picture:
    name = header.format
    png = chunks.take_apart(data) if name == "png" else None
    if png is not None:
        data = png.with_extras()
    image = Image.open(io.BytesIO(data), formats=(name.upper(),))
    if image.size != (header.width, header.height):
        raise ValueError("Pillow reads another size from the header than the limits have seen")
    if png is None:
        image.load()
    else:
        _load_whole(image, png)
    if png is not None and header.bit_depth == DEEP:
        picture = _deep_picture(png)
    else:
        picture = _to_picture(image, name, image.info.get("icc_profile") if png is None else png.icc)
    picture = _upright(picture, _orientation(image))
    if png is not None and space_of(png.icc) != LAB:
        picture = replace(picture, colour_chunks=png.colours)
    if keep_metadata_at is None:
        return picture
    return replace(picture, metadata=read_metadata(image, keep_metadata_at))


def _load_whole(image: Image.Image, png: PngFile) -> None:
    """Load a PNG that has all of its rows. Raises InvalidPictureError.

    Pillow is content with fewer. To count what the pixels inflate to costs as much as to inflate them; so the image
    is inked first, and only one whose last row is of that ink in the end is counted, or one that is not decoded in
    the order of its rows.
    """
    ink = INKS.get(image.mode)
    if ink is None or png.header.is_interlaced:
        png.require_pixels()
        image.load()
        return
    image.im = inked = Image.new(image.mode, image.size, ink).im
    image.load()
    last_row = image.crop((0, image.height - 1, *image.size))
    if image.im is not inked or last_row.getcolors(1) == [(image.width, ink)]:
        png.require_pixels()


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - broken EXIF is dropped, not fatal
        return 1


def _upright(picture: Picture, orientation: int) -> Picture:
    """The picture as it is to be seen. EXIF 3.0, section 4.6.5: from 5 on rows are columns; then it is mirrored
    upside down, left to right, or both."""
    if orientation not in range(2, 9):
        return picture

    def turned(values: Values) -> Values:
        if orientation >= 5:
            values = values.swapaxes(0, 1)
        down = -1 if orientation in (3, 4, 7, 8) else 1
        across = -1 if orientation in (2, 3, 6, 7) else 1
        return np.ascontiguousarray(values[::down, ::across])

    alpha = None if picture.alpha is None else turned(picture.alpha)
    return replace(picture, pixels=turned(picture.pixels), alpha=alpha)


def _to_picture(image: Image.Image, name: Format, icc: object) -> Picture:
    is_gray = image.mode in ("1", "L", "LA", "La", "F")
    has_alpha = image.mode in ("RGBA", "LA", "La", "PA", "RGBa") or "transparency" in image.info
    profile = fitting_profile(icc, "CMYK" if image.mode == "CMYK" else "L" if is_gray else "RGB")
    if not has_alpha:
        if image.mode == "CMYK" or space_of(profile) == LAB:
            image, profile = to_srgb(image.convert("RGB") if image.mode == "P" else image, profile), None
        return Picture(_values(image, "RGB"), None, is_gray, profile, name)
    values = _values(image, "RGBA")
    colours, alpha = values[..., :3], np.ascontiguousarray(values[..., 3])
    if space_of(profile) == LAB:
        colours, profile = np.asarray(to_srgb(Image.fromarray(np.ascontiguousarray(colours)), profile)), None
    return Picture(np.ascontiguousarray(colours), alpha, is_gray, profile, name)


def _values(image: Image.Image, mode: str) -> Values:
    return np.asarray(image if image.mode == mode else image.convert(mode))


def _deep_picture(png: PngFile) -> Picture:
    """A PNG of 16 bits. libvips gives gray, gray with alpha, RGB or RGB with alpha."""
    import pyvips  # it costs time, and few pictures need it

    image = pyvips.Image.pngload_buffer(png.bare, fail_on="error")
    values = np.frombuffer(image.write_to_memory(), np.uint16).reshape(image.height, image.width, image.bands)
    is_gray, has_alpha = image.bands < 3, image.bands in (2, 4)
    alpha = np.ascontiguousarray(values[..., -1]) if has_alpha else None
    colours = to_colours(values[..., 0]) if is_gray else np.ascontiguousarray(values[..., :3])
    profile = fitting_profile(png.icc, "L" if is_gray else "RGB")
    picture = Picture(colours, alpha, is_gray, profile, "png")
    if space_of(profile) != LAB:
        return picture
    reduced = picture.reduced()  # littlecms, by Pillow, has no more than 8 bits
    converted = np.asarray(to_srgb(Image.fromarray(reduced.pixels), profile))
    return replace(reduced, pixels=converted, icc_profile=None)
