"""Which models exist: rows of `configs/models.yaml`, read once and passed down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from upscaler.errors import CatalogueError, ModelNotFoundError

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
    if fields.get("architecture") not in get_args(Architecture):
        raise TypeError(f"the architecture must be one of {', '.join(get_args(Architecture))}")
    release = Release(**fields.pop("release", {}))
    spec = ModelSpec(name=name, release=release, package_stem=fields.pop("package_stem", None), **fields)
    if spec.architecture == "rrdbnet" and (spec.growth < 1 or spec.features % spec.growth):
        raise ValueError("features must be a multiple of growth")
    if spec.halo_px % (4 // spec.native_scale):
        raise ValueError("halo_px must be even, since this model folds 2×2 pixels")
    return spec


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Read the catalogue shipped with the project, or the operator's own file of the same form.

    Raises CatalogueError, which names the row and its mistake.
    """
    import yaml  # here, since measuring on a GPU machine needs ModelSpec but not the file

    try:
        rows = yaml.safe_load(path.read_text() if path else files("configs").joinpath("models.yaml").read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CatalogueError(f"the catalogue cannot be read: {error}") from error
    if not isinstance(rows, dict):
        raise CatalogueError("the catalogue must have a row for each model")
    catalogue: dict[str, ModelSpec] = {}
    for name, fields in rows.items():
        try:
            catalogue[name] = _row(name, dict(fields))
        except (TypeError, ValueError) as error:  # what dict and the dataclasses say of keys that do not fit
            raise CatalogueError(f"the catalogue's row {name}: {error}") from error
    return catalogue


def find_spec(catalogue: Catalogue, name: str) -> ModelSpec:
    """The row called `name`; raises ModelNotFoundError naming what there is."""
    try:
        return catalogue[name]
    except KeyError:
        known = ", ".join(catalogue)
        raise ModelNotFoundError(f"model not found: {name}; the catalogue has {known}") from None
