"""What a submission may ask for besides its scale. The service says which values there are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypedDict

Format = Literal["png", "jpeg", "webp"]
Metadata = Literal["strip", "keep"]
Image = bytes | str | os.PathLike[str]
"""The bytes of a file, or where the file is."""


class Options(TypedDict, total=False):
    """Each may be left out, or None, for the service's default."""

    model: str | None
    format: Format | None
    quality: int | None
    metadata: Metadata | None


def fields_of(scale: int, options: Options) -> Mapping[str, str]:
    """The form's fields besides the image."""
    return {"scale": str(scale)} | {name: str(value) for name, value in options.items() if value is not None}


def source_of(image: Image) -> tuple[bytes | Path, str]:
    """The image, and what the service may call it."""
    if isinstance(image, bytes):
        return image, "image"
    path = Path(image)
    return path, path.name.encode(errors="replace").decode()  # a name on disk need not be text
