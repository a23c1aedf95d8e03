"""`upscale models`: what the catalogue has, and fetching weights."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from upscaler.catalogue import ModelSpec, find_spec, load_catalogue
from upscaler.weights import Weights, WeightsStore


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
