"""`upscale IN OUT`: one picture through the engine."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from upscaler.catalogue import find_spec, load_catalogue
from upscaler.cli.models import pull
from upscaler.decoding import decode, probe
from upscaler.encoding import encode
from upscaler.errors import UpscalerError, WeightsError
from upscaler.picture import Format, Limits, Picture, result_format
from upscaler.weights import WeightsStore, default_cache_dir

if TYPE_CHECKING:
    from upscaler.device import DeviceName, DtypeName
    from upscaler.model import Model
    from upscaler.transfer import Pixels

FORMATS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Request:
    """The command's arguments."""

    input: Path
    output: Path
    scale: int
    model: str
    weights: Path | None
    device: DeviceName
    dtype: DtypeName
    memory_budget: int | None
    json: bool


def enlarge(request: Request) -> None:
    """Decode, compute, encode; the output file appears whole or not at all.

    Raises UpscalerError or OSError, whose text is a sentence for the user.
    """
    target_format, seconds, console = _target_format(request.output), Seconds(), Console(stderr=True)
    _check_target(request.output)
    with seconds.of("decode"):
        picture = _read(request, target_format)
    with seconds.of("load"):
        model = _load(request)
    if not request.json:
        device = model.device
        console.print(f"{model.spec.name} on {device.torch_device} in {device.dtype_name}: {device.reason}")
    with seconds.of("compute"):
        layers = _compute(model, picture, console, quiet=request.json)
        result = picture.enlarged(layers, request.scale)
    with seconds.of("encode"):
        _write(result, request.output, target_format)
    if request.json:
        print(json.dumps(_report(model, picture, result, target_format, seconds)))


class Seconds(dict[str, float]):
    """Wall seconds by stage."""

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        started_at = time.perf_counter()
        yield
        self[stage] = round(time.perf_counter() - started_at, 4)


def _target_format(output: Path) -> Format:
    try:
        return FORMATS[output.suffix.lower()]
    except KeyError:
        raise UpscalerError(f"{output} does not end in .png, .jpg, .jpeg or .webp") from None


def _check_target(output: Path) -> None:
    """What would fail after minutes of work fails now."""
    if output.is_dir():
        raise UpscalerError(f"{output} is a folder")
    if not output.parent.is_dir():
        raise UpscalerError(f"there is no folder {output.parent}")
    if not os.access(output.parent, os.W_OK):
        raise UpscalerError(f"the folder {output.parent} cannot be written to")


def _read(request: Request, target_format: Format) -> Picture:
    with request.input.open("rb") as file:
        header = probe(file)
        Limits().check(header.width, header.height, request.scale)
        if result_format(target_format, header.width * request.scale, header.height * request.scale) != target_format:
            raise UpscalerError(f"a {target_format} file cannot hold a result of this size; write a .png")
        return decode(file)


def _load(request: Request) -> Model:
    spec = find_spec(load_catalogue(), request.model)
    store = WeightsStore(default_cache_dir(), {spec.name: request.weights} if request.weights else {})
    if request.weights is not None and not request.weights.is_file():
        raise WeightsError(f"the weights {request.weights} cannot be read: there is no such file")
    if store.find(spec) is None:
        pull(store, spec)
    weights = store.require(spec)

    from upscaler.device import select_device  # torch takes seconds: what can fail without it, has by now
    from upscaler.model import load_model

    device = select_device(request.device, request.dtype, memory_budget_bytes=request.memory_budget)
    return load_model(spec, weights, device)


def _compute(model: Model, picture: Picture, console: Console, *, quiet: bool) -> list[Pixels]:
    """The picture's layers, each enlarged by the model."""
    from upscaler.engine import Engine

    engine = Engine(model.device)
    engine.start()
    try:
        works = [engine.submit(model, layer) for layer in picture.layers()]
        with Progress(console=console, disable=quiet) as bar:
            task = bar.add_task("upscaling", total=float(len(works)))
            while wait([work.result for work in works], timeout=POLL_S).not_done:
                bar.update(task, completed=sum(work.progress for work in works))
            bar.update(task, completed=len(works))
        return [work.result.result() for work in works]
    finally:
        engine.close()


def _write(picture: Picture, output: Path, target_format: Format) -> None:
    handle, scratch = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            encode(picture, file, target_format)
        Path(scratch).chmod(0o666 & ~_umask())
        os.replace(scratch, output)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _report(
    model: Model, source: Picture, result: Picture, result_format: Format, seconds: Seconds
) -> dict[str, object]:
    device = model.device
    return {
        "model": model.spec.name,
        "device": str(device.torch_device),
        "dtype": device.dtype_name,
        "reason": device.reason,
        "input": {"width": source.width, "height": source.height, "format": source.format},
        "output": {"width": result.width, "height": result.height, "format": result_format},
        "tiles": len(model.plan(source.height, source.width)),
        "seconds": seconds,
    }
