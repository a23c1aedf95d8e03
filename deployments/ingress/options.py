"""What a form asks for besides its image: each field at most once, each value one of those allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from deployments.errors import RequestError
from upscaler.catalogue import Catalogue
from upscaler.pictures.picture import SCALES, Format

DEFAULT_SCALE, DEFAULT_QUALITY = 4, 95
FORMATS: tuple[Format, ...] = get_args(Format)
ALIASES: Mapping[str, Format] = {"jpg": "jpeg"}
QUALITIES = range(1, 101)
METADATA = ("strip", "keep")

Fields = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Options:
    """`format` None is the input's own, or PNG where that cannot hold the result."""

    scale: int
    model: str
    format: Format | None
    quality: int
    keeps_metadata: bool = False


def read_options(fields: Fields, catalogue: Catalogue, served: Sequence[str], default_model: str) -> Options:
    """Raises RequestError: invalid_scale, unknown_model, model_not_available, invalid_format, invalid_quality,
    invalid_metadata."""
    return Options(
        _scale(fields),
        _model(fields, catalogue, served, default_model),
        _format(fields),
        _quality(fields),
        _keeps_metadata(fields),
    )


def _scale(fields: Fields) -> int:
    wanted = fields.get("scale", [str(DEFAULT_SCALE)])
    if len(wanted) != 1 or wanted[0] not in {str(scale) for scale in SCALES}:
        raise RequestError("invalid_scale", "The scale must be 2, 3 or 4.", allowed=list(SCALES))
    return int(wanted[0])


def _model(fields: Fields, catalogue: Catalogue, served: Sequence[str], default: str) -> str:
    wanted = fields.get("model", [default])
    if len(wanted) != 1 or wanted[0] not in catalogue:
        raise RequestError("unknown_model", "There is no such model.", allowed=list(served))
    if wanted[0] not in served:
        sentence = "The weights of this model are not on this server."
        raise RequestError("model_not_available", sentence, allowed=list(served))
    return wanted[0]


def _format(fields: Fields) -> Format | None:
    if "format" not in fields:
        return None
    wanted = [value.lower() for value in fields["format"]]
    for name in FORMATS:
        if wanted == [name] or [ALIASES.get(value) for value in wanted] == [name]:
            return name
    raise RequestError("invalid_format", "The format must be png, jpeg or webp.", allowed=list(FORMATS))


def _quality(fields: Fields) -> int:
    wanted = fields.get("quality", [str(DEFAULT_QUALITY)])
    if len(wanted) != 1 or wanted[0] not in {str(quality) for quality in QUALITIES}:
        sentence = "The quality must be a whole number from 1 to 100."
        raise RequestError("invalid_quality", sentence, minimum=1, maximum=100)
    return int(wanted[0])


def _keeps_metadata(fields: Fields) -> bool:
    wanted = fields.get("metadata", [METADATA[0]])
    if len(wanted) != 1 or wanted[0] not in METADATA:
        raise RequestError("invalid_metadata", "metadata must be strip or keep.", allowed=list(METADATA))
    return wanted[0] == "keep"
