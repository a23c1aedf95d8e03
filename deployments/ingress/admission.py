"""Whether an upload becomes a job: what is asked for, and what the bytes really are."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, NamedTuple

from deployments.errors import RequestError
from deployments.ingress.options import Options, read_options
from deployments.ingress.upload import Upload
from deployments.jobs.record import Order
from upscaler.catalogue import Catalogue
from upscaler.codec import decode, probe
from upscaler.errors import (
    AnimatedPictureError,
    InvalidPictureError,
    PictureError,
    PictureTooLargeError,
    UnsupportedFormatError,
)
from upscaler.picture import Format, Limits, check_side, result_format

PICTURE_CODES: Mapping[type[PictureError], str] = {
    UnsupportedFormatError: "unsupported_image_format",
    AnimatedPictureError: "animated_not_supported",
    InvalidPictureError: "invalid_image",
    PictureTooLargeError: "image_too_large",
}

CONCURRENT_DECODES = 2
"""Each may hold a whole decoded picture; more of them would not be faster."""

SAFE = "_.- "
MAX_STEM = 80


def picture_problem(error: PictureError) -> RequestError:
    """The row of the contract's table for a picture that we do not take."""
    facts = {}
    if isinstance(error, PictureTooLargeError):
        facts = {"width": error.width, "height": error.height, "limit": error.limit}
    sentence = str(error)
    return RequestError(PICTURE_CODES[type(error)], f"{sentence[:1].upper()}{sentence[1:]}.", **facts)


@dataclass(frozen=True, slots=True)
class Serving:
    """What this service offers: the catalogue, the models with weights here, and how fast it is taken to be."""

    catalogue: Catalogue
    models: tuple[str, ...]
    default_model: str
    limits: Limits
    assumed_gflops: float
    max_upload_bytes: int = 32 << 20
    result_ttl_s: float = 900.0


class Admission:
    """Turns an upload into an Order, or says which row of the table refuses it."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self._decodes = asyncio.Semaphore(CONCURRENT_DECODES)

    def options(self, upload: Upload) -> Options:
        """What is asked for. Raises RequestError."""
        serving = self.serving
        return read_options(upload.fields, serving.catalogue, serving.models, serving.default_model)

    async def admit(self, upload: Upload, options: Options) -> Order:
        """Check everything that can be known before the work. Raises RequestError."""
        try:
            header = await asyncio.to_thread(probe, upload.file)
            self.serving.limits.check(header.width, header.height, options.scale)
            check_side(options.format, header.width, header.height, options.scale)
            async with self._decodes:
                seen = await asyncio.to_thread(_seen, upload.file)
        except PictureError as error:
            raise picture_problem(error) from error
        return self._order(upload, header.format, seen, options)

    def _order(self, upload: Upload, name: Format, seen: _Seen, options: Options) -> Order:
        gflop = self.serving.catalogue[options.model].mflop_per_px * seen.width * seen.height / 1000
        result = options.format or result_format(name, seen.width * options.scale, seen.height * options.scale)
        return Order(
            model=options.model,
            scale=options.scale,
            input_format=name,
            input_width=seen.width,
            input_height=seen.height,
            input_bytes=upload.size_bytes,
            output_format=result,
            filename=_stem(upload.filename),
            estimated_s=gflop / self.serving.assumed_gflops,
            quality=options.quality,
            keeps_metadata=options.keeps_metadata,
            flattens_alpha=seen.has_alpha and result == "jpeg",
        )


class _Seen(NamedTuple):
    """What only decoding tells: the size as displayed, which in a PNG the end of the file may say."""

    width: int
    height: int
    has_alpha: bool


def _seen(file: IO[bytes]) -> _Seen:
    """Decode in full and throw the pixels away: a 202 is not for a picture that is cut off."""
    picture = decode(file)
    return _Seen(picture.width, picture.height, picture.alpha is not None)


def _stem(filename: str) -> str:
    """The name to offer with the result: no folders, no ending, nothing that a header could choke on."""
    base = filename.replace("\\", "/").rsplit("/", 1)[-1]
    stem = "".join(map(_safe, unicodedata.normalize("NFC", base).rsplit(".", 1)[0]))
    return stem.strip(" ._")[:MAX_STEM] or "image"


def _safe(character: str) -> str:
    """A character of a file name, or `_`. Letters of every script are kept, with the marks that they need."""
    return character if unicodedata.category(character)[0] in "LMN" or character in SAFE else "_"
