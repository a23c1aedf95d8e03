"""Which models exist: rows of `configs/models.yaml`, read once and passed down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from upscaler.errors import ModelNotFoundError

Architecture = Literal["rrdbnet", "srvgg"]


@dataclass(frozen=True, slots=True)
class Release:
    """The official weights file of a model: where it was published and what it hashes to."""

    url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A catalogue row.

    `features`, `depth` and `growth` are the architecture's numbers: channels of the trunk, RRDB
    blocks (or body convolutions of SRVGG), and channels a dense layer adds (0 for SRVGG).
    `native_scale` is what the network itself multiplies sides by. `halo_px` is the context a tile
    sees when a picture is too large to run whole: exact for SRVGG, invisible for RRDBNet.
    `mflop_per_px` is the work for one input pixel, for those who estimate without loading torch.
    """

    name: str
    architecture: Architecture
    features: int
    depth: int
    growth: int
    native_scale: int
    mflop_per_px: float
    halo_px: int
    release: Release
    package_stem: str | None
    description: str


Catalogue = Mapping[str, ModelSpec]


def _row(name: str, fields: dict[str, Any]) -> ModelSpec:
    release = Release(**fields.pop("release", {}))
    return ModelSpec(name=name, release=release, package_stem=fields.pop("package_stem", None), **fields)


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Read the catalogue shipped with the project, or the operator's own file of the same form.

    Raises TypeError on an unknown or missing key of a row, OSError when the file cannot be read.
    """
    import yaml  # here, since measuring on a GPU machine needs ModelSpec but not the file

    text = path.read_text() if path else files("configs").joinpath("models.yaml").read_text()
    return {name: _row(name, dict(fields)) for name, fields in yaml.safe_load(text).items()}


def find_spec(catalogue: Catalogue, name: str) -> ModelSpec:
    """The row called `name`; raises ModelNotFoundError naming what there is."""
    try:
        return catalogue[name]
    except KeyError:
        known = ", ".join(catalogue)
        raise ModelNotFoundError(f"model not found: {name}; the catalogue has {known}") from None
