"""Picture to bytes: PNG by our own writer, JPEG and WEBP by Pillow."""

from __future__ import annotations

from typing import IO, Any

import numpy as np
from PIL import Image

from upscaler.pictures.colour import GRAY, profile_for, space_of
from upscaler.pictures.metadata import EXIF_HEAD, Metadata
from upscaler.pictures.picture import Format, Picture
from upscaler.pictures.png import PngWriter
from upscaler.pictures.values import Values, to_gray

OPTIONS: dict[Format, dict[str, Any]] = {
    "jpeg": {"subsampling": "4:4:4"},
    "webp": {"method": 4},
}

QUALITY = 95

PNG_ROWS = 256
"""Rows of a PNG that are prepared at a time."""


def encode(picture: Picture, file: IO[bytes], target: Format | None = None, quality: int = QUALITY) -> None:
    """Write the picture to `file`, in its own format unless told otherwise, with its profile and the metadata
    that it keeps.

    `quality`, 1 to 100, is of the lossy formats, which have 8 bits. Where JPEG has no room for alpha, white paper
    shines through.
    """
    name = target or picture.format
    if name == "png":
        _encode_png(picture, file)
        return
    image = _to_image(picture.reduced(), keep_alpha=name != "jpeg")
    profile = picture.icc_profile or profile_for(picture.colour_chunks, is_gray=picture.is_gray)
    extras = _extras(picture.metadata, name)
    image.save(file, name.upper(), icc_profile=profile, quality=quality, **OPTIONS[name], **extras)


def _extras(metadata: Metadata | None, name: Format) -> dict[str, Any]:
    """What Pillow is to write besides the pixels."""
    if metadata is None:
        return {}
    kept = metadata.for_jpeg() if name == "jpeg" else metadata
    exif = EXIF_HEAD + kept.exif if kept.exif else None
    return {key: value for key, value in (("exif", exif), ("xmp", kept.xmp), ("dpi", kept.dpi)) if value}


def _encode_png(picture: Picture, file: IO[bytes]) -> None:
    channels = (1 if picture.is_gray else 3) + (picture.alpha is not None)
    fits = not picture.is_gray or space_of(picture.icc_profile) == GRAY  # a gray PNG has no place for another
    writer = PngWriter(
        file,
        picture.width,
        picture.height,
        channels,
        bit_depth=picture.bit_depth,
        icc=picture.icc_profile if fits else None,
        colours=picture.colour_chunks,
        metadata=picture.metadata,
    )
    for start in range(0, picture.height, PNG_ROWS):
        writer.write(_samples(picture, slice(start, start + PNG_ROWS)))
    writer.close()


def _samples(picture: Picture, rows: slice) -> Values:
    colours = picture.pixels[rows]
    if picture.is_gray:
        colours = to_gray(colours)[..., None]
    return colours if picture.alpha is None else np.dstack([colours, picture.alpha[rows]])


def _to_image(picture: Picture, *, keep_alpha: bool) -> Image.Image:
    image = Image.fromarray(to_gray(picture.pixels) if picture.is_gray else picture.pixels)
    if picture.alpha is None:
        return image
    alpha = Image.fromarray(picture.alpha)
    if keep_alpha:
        image.putalpha(alpha)
        return image
    paper = Image.new(image.mode, image.size, "white")
    paper.paste(image, mask=alpha)
    return paper
