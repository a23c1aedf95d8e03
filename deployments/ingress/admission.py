"""Whether an upload becomes a job: what is asked for, and what the bytes really are."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from deployments.errors import RequestError
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
from upscaler.picture import SCALES, Format, Limits, result_format

PICTURE_CODES: Mapping[type[PictureError], str] = {
    UnsupportedFormatError: "unsupported_image_format",
    AnimatedPictureError: "animated_not_supported",
    InvalidPictureError: "invalid_image",
    PictureTooLargeError: "image_too_large",
}

DEFAULT_SCALE = 4
CONCURRENT_DECODES = 2
"""Each may hold a whole decoded picture; more of them would not be faster."""

UNSAFE = re.compile(r"[^\w.\- ]+")
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


class Admission:
    """Turns an upload into an Order, or says which row of the table refuses it."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._decodes = asyncio.Semaphore(CONCURRENT_DECODES)

    async def admit(self, upload: Upload) -> Order:
        """Check everything that can be known before the work. Raises RequestError."""
        scale, model = _scale(upload.fields), self._model(upload.fields)
        try:
            header = await asyncio.to_thread(probe, upload.file)
            self._serving.limits.check(header.width, header.height, scale)
            async with self._decodes:
                size = await asyncio.to_thread(_decoded_size, upload.file)
        except PictureError as error:
            raise picture_problem(error) from error
        return self._order(upload, header.format, size, model, scale)

    def _order(self, upload: Upload, name: Format, size: tuple[int, int], model: str, scale: int) -> Order:
        width, height = size
        gflop = self._serving.catalogue[model].mflop_per_px * width * height / 1000
        return Order(
            model=model,
            scale=scale,
            input_format=name,
            input_width=width,
            input_height=height,
            input_bytes=upload.size_bytes,
            output_format=result_format(name, width * scale, height * scale),
            filename=_stem(upload.filename),
            estimated_s=gflop / self._serving.assumed_gflops,
        )

    def _model(self, fields: Mapping[str, list[str]]) -> str:
        wanted = fields.get("model", [self._serving.default_model])
        if len(wanted) != 1 or wanted[0] not in self._serving.catalogue:
            raise RequestError("unknown_model", "There is no such model.", allowed=list(self._serving.models))
        if wanted[0] not in self._serving.models:
            sentence = "The weights of this model are not on this server."
            raise RequestError("model_not_available", sentence, allowed=list(self._serving.models))
        return wanted[0]


def _decoded_size(file: IO[bytes]) -> tuple[int, int]:
    """Decode in full and throw the pixels away: a 202 is not for a picture that is cut off. Its width and
    height as displayed, which in a PNG only the end of the file may say."""
    picture = decode(file)
    return picture.width, picture.height


def _scale(fields: Mapping[str, list[str]]) -> int:
    wanted = fields.get("scale", [str(DEFAULT_SCALE)])
    if len(wanted) != 1 or wanted[0] not in {str(scale) for scale in SCALES}:
        raise RequestError("invalid_scale", "The scale must be 2, 3 or 4.", allowed=list(SCALES))
    return int(wanted[0])


def _stem(filename: str) -> str:
    """The name to offer with the result: no folders, no ending, nothing that a header could choke on."""
    base = filename.replace("\\", "/").rsplit("/", 1)[-1]
    stem = UNSAFE.sub("_", unicodedata.normalize("NFC", base).rsplit(".", 1)[0]).strip(" ._")
    return stem[:MAX_STEM] or "image"
