"""Whether an upload becomes a job: what is asked for, and what the bytes really are."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from deployments.decoder.decoder import Decoder
from deployments.decoder.wire import Bounds, Seen
from deployments.errors import RequestError
from deployments.ingress.options import Options, read_options
from deployments.ingress.upload import Upload
from deployments.jobs.record import Order
from upscaler.catalogue import Catalogue
from upscaler.errors import (
    AnimatedPictureError,
    InvalidPictureError,
    PictureError,
    PictureTooLargeError,
    UnsupportedFormatError,
)
from upscaler.pictures.picture import Limits, result_format

PICTURE_CODES: Mapping[type[PictureError], str] = {
    UnsupportedFormatError: "unsupported_image_format",
    AnimatedPictureError: "animated_not_supported",
    InvalidPictureError: "invalid_image",
    PictureTooLargeError: "image_too_large",
}

DEEP_COST = 2.0
"""How much longer 16 bits take, roughly: they are computed in float32."""

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

    def __init__(self, serving: Serving, decoder: Decoder) -> None:
        self.serving, self._decoder = serving, decoder

    def options(self, upload: Upload) -> Options:
        """What is asked for. Raises RequestError."""
        serving = self.serving
        return read_options(upload.fields, serving.catalogue, serving.models, serving.default_model)

    async def admit(self, upload: Upload, options: Options) -> Order:
        """Check everything that can be known before the work: the picture is decoded in full, since a 202 is not
        for one that is cut off. Raises RequestError, DecoderError."""
        bounds = Bounds(self.serving.limits, options.scale, options.format)
        try:
            seen = await self._decoder.look(upload.file, bounds, keeps_metadata=options.keeps_metadata)
        except PictureError as error:
            raise picture_problem(error) from error
        return self._order(upload, seen, options)

    def _order(self, upload: Upload, seen: Seen, options: Options) -> Order:
        gflop = self.serving.catalogue[options.model].mflop_per_px * seen.width * seen.height / 1000
        cost = seen.num_passes * (DEEP_COST if seen.bit_depth > 8 else 1.0)
        result = options.format or result_format(seen.format, seen.width * options.scale, seen.height * options.scale)
        return Order(
            model=options.model,
            scale=options.scale,
            input_format=seen.format,
            input_width=seen.width,
            input_height=seen.height,
            input_bytes=upload.size_bytes,
            input_bit_depth=seen.bit_depth,
            output_format=result,
            filename=_stem(upload.filename),
            estimated_s=cost * gflop / self.serving.assumed_gflops,
            quality=options.quality,
            keeps_metadata=options.keeps_metadata,
            flattens_alpha=seen.has_alpha and result == "jpeg",
        )


def _stem(filename: str) -> str:
    """The name to offer with the result: no folders, no ending, nothing that a header could choke on."""
    base = filename.replace("\\", "/").rsplit("/", 1)[-1]
    stem = "".join(map(_safe, unicodedata.normalize("NFC", base).rsplit(".", 1)[0]))
    return stem.strip(" ._")[:MAX_STEM] or "image"


def _safe(character: str) -> str:
    """A character of a file name, or `_`. Letters of every script are kept, with the marks that they need."""
    return character if unicodedata.category(character)[0] in "LMN" or character in SAFE else "_"
