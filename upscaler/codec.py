"""Bytes to Picture and back, by Pillow; PNG goes back by our own writer. No other parser is reachable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from upscaler.errors import AnimatedPictureError, InvalidPictureError, UnsupportedFormatError
from upscaler.metadata import EXIF_HEAD, ORIENTATION, Metadata, read_metadata
from upscaler.picture import Format, Picture
from upscaler.png import PngWriter

Image.MAX_IMAGE_PIXELS = None  # Limits decides, from the header, with the contract's answer
PngImagePlugin.MAX_TEXT_CHUNK = 16 << 20  # with Pillow's 1 MiB a large profile counts as damage

SIGNATURES: dict[bytes, Format] = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}
MAX_ICC_BYTES = 1 << 20
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation of the EXIF specification; 1 is upright."""

PNG_END = b"IEND\xaeB`\x82"

OPTIONS: dict[Format, dict[str, Any]] = {
    "jpeg": {"subsampling": "4:4:4"},
    "webp": {"method": 4},
}

QUALITY = 95

PNG_ROWS = 256
"""Rows of a PNG that are prepared at a time."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before its pixels are decoded; sides in pixels as stored, not yet turned
    by the orientation, which in a PNG may stand behind the pixels."""

    format: Format
    width: int
    height: int


def sniff(first: bytes) -> Format:
    """The format by its first 12 bytes. Raises UnsupportedFormatError; names and types are not asked."""
    for signature, name in SIGNATURES.items():
        if first.startswith(signature):
            return name
    if first[:4] == b"RIFF" and first[8:12] == b"WEBP":
        return "webp"
    raise UnsupportedFormatError("the file is not a PNG, JPEG or WEBP image")


def _open(file: IO[bytes]) -> tuple[Image.Image, Format]:
    file.seek(0)
    name = sniff(file.read(12))
    file.seek(0)
    try:
        image = Image.open(file, formats=(name.upper(),))
    except MemoryError:
        raise
    except Exception as error:  # a parser's own errors are of every kind; the bytes are to blame
        raise InvalidPictureError("the image is damaged: its header cannot be read") from error
    # A phone's JPEG holds several pictures without being animated: its primary one is taken.
    if name != "jpeg" and getattr(image, "is_animated", False):
        raise AnimatedPictureError("animated images are not supported")
    return image, name


def probe(file: IO[bytes]) -> Header:
    """Read the header only. Raises UnsupportedFormatError, InvalidPictureError, AnimatedPictureError."""
    image, name = _open(file)
    return Header(name, *image.size)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - broken EXIF is dropped, not fatal
        return 1


def decode(file: IO[bytes], keep_metadata_at: int | None = None) -> Picture:
    """Decode a whole picture, orientation applied. Raises what `probe` raises.

    `keep_metadata_at`: the scale at which its metadata is to be kept; None drops it.
    """
    image, name = _open(file)
    try:
        image.load()
        if name == "png":
            _require_end(file)
        turn = UPRIGHT.get(_orientation(image))
        picture = _to_picture(image if turn is None else image.transpose(turn), name)
        if keep_metadata_at is None:
            return picture
        return replace(picture, metadata=read_metadata(image, keep_metadata_at))
    except MemoryError:
        raise
    except Exception as error:  # as above: truncated, corrupt, or lying about itself
        raise InvalidPictureError("the image is damaged: its pixels cannot be decoded") from error


def _require_end(file: IO[bytes]) -> None:
    """Pillow is content with a PNG that lacks its last bytes."""
    file.seek(0)
    if PNG_END not in file.read():
        raise ValueError("the end of the PNG is missing")


def _to_picture(image: Image.Image, name: Format) -> Picture:
    profile = image.info.get("icc_profile")
    if image.mode in ("CMYK", "LAB", "YCbCr", "HSV") or not profile or len(profile) > MAX_ICC_BYTES:
        profile = None  # it describes values that are converted below
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):
        image = Image.fromarray(_to_8_bit(np.asarray(image)))
    is_gray = image.mode in ("1", "L", "LA", "La", "F")
    has_alpha = image.mode in ("RGBA", "LA", "La", "PA", "RGBa") or "transparency" in image.info
    if not has_alpha:
        return Picture(np.asarray(image.convert("RGB")), None, is_gray, profile, name)
    values = np.asarray(image.convert("RGBA"))
    return Picture(values[..., :3], values[..., 3], is_gray, profile, name)


def _to_8_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    wide = np.clip(values, 0, 65_535).astype(np.uint32)
    return np.asarray((wide * 255 + 32_767) // 65_535, np.uint8)


def encode(picture: Picture, file: IO[bytes], target: Format | None = None, quality: int = QUALITY) -> None:
    """Write the picture to `file`, in its own format unless told otherwise, with its profile and the metadata
    that it keeps.

    `quality`, 1 to 100, is of the lossy formats. Where JPEG has no room for alpha, white paper shines through.
    """
    name = target or picture.format
    if name == "png":
        _encode_png(picture, file)
    else:
        image = _to_image(picture, keep_alpha=name != "jpeg")
        extras = _extras(picture.metadata, name)
        image.save(file, name.upper(), icc_profile=picture.icc_profile, quality=quality, **OPTIONS[name], **extras)


def _extras(metadata: Metadata | None, name: Format) -> dict[str, Any]:
    """What Pillow is to write besides the pixels."""
    if metadata is None:
        return {}
    kept = metadata.for_jpeg() if name == "jpeg" else metadata
    exif = EXIF_HEAD + kept.exif if kept.exif else None
    return {key: value for key, value in (("exif", exif), ("xmp", kept.xmp), ("dpi", kept.dpi)) if value}


def _encode_png(picture: Picture, file: IO[bytes]) -> None:
    channels = (1 if picture.is_gray else 3) + (picture.alpha is not None)
    writer = PngWriter(
        file, picture.width, picture.height, channels, icc=picture.icc_profile, metadata=picture.metadata
    )
    for start in range(0, picture.height, PNG_ROWS):
        rows = slice(start, start + PNG_ROWS)
        colours = picture.pixels[rows]
        if picture.is_gray:
            colours = np.asarray(Image.fromarray(colours).convert("L"))[..., None]
        writer.write(colours if picture.alpha is None else np.dstack([colours, picture.alpha[rows]]))
    writer.close()


def _to_image(picture: Picture, *, keep_alpha: bool) -> Image.Image:
    image = Image.fromarray(picture.pixels)
    if picture.is_gray:
        image = image.convert("L")
    if picture.alpha is None:
        return image
    alpha = Image.fromarray(picture.alpha)
    if keep_alpha:
        image.putalpha(alpha)
        return image
    paper = Image.new(image.mode, image.size, "white")
    paper.paste(image, mask=alpha)
    return paper
