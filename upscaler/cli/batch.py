"""Batch: all jobs of one command through one engine. While one is computed, the next is decoded or the last encoded."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import torch

from upscaler.cli.arguments import Arguments
from upscaler.cli.checks import Job
from upscaler.cli.display import Bar, Display
from upscaler.cli.outcome import Outcome, Result, failed
from upscaler.cli.tally import Share
from upscaler.cli.targets import Targets
from upscaler.engine import Engine
from upscaler.errors import CancelledError, UpscalerError
from upscaler.model import Model
from upscaler.pictures.decoding import DEEP, decode
from upscaler.pictures.encoding import encode
from upscaler.pictures.picture import Picture
from upscaler.transfer import Pixels

log = logging.getLogger(__name__)

NUM_LANES = 2
"""Pictures in hand at once."""

POLL_S, GRACE_S = 0.1, 3.0
"""How often progress is shown, and how long an interrupted decoder or encoder may go on."""


class Batch:
    """Use it by `with`, and iterate over `outcomes` once. Left early, it drops what is unfinished."""

    def __init__(
        self, model: Model, arguments: Arguments, targets: Targets, display: Display, grace_s: float = GRACE_S
    ) -> None:
        self._model, self._arguments, self._targets, self._display = model, arguments, targets, display
        self._grace_s = grace_s
        self._engine = Engine(model.device)
        self._lanes = ThreadPoolExecutor(NUM_LANES, thread_name_prefix="lane")
        self._futures: list[Future[Outcome]] = []
        self._turn_to_compute = threading.Lock()
        self._stopped = threading.Event()
        self.is_stuck = False
        """Whether a decoder or encoder has not let itself be interrupted. It can publish nothing any more."""

    def outcomes(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """As they come: what goes wrong with one file is that file's outcome, and no other's."""
        self._display.expect({job.target: _share(self._model, job, self._arguments.scale) for job in jobs})
        self._futures = [self._lanes.submit(self._ended, job) for job in jobs]
        for future in as_completed(self._futures):
            yield future.result()

    def __enter__(self) -> Self:
        self._engine.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        self._lanes.shutdown(wait=False, cancel_futures=True)
        begun = [future for future in self._futures if not future.cancelled()]
        self.is_stuck = bool(wait(begun, self._grace_s).not_done)
        self._targets.drop_parts()
        self._engine.close()

    def _ended(self, job: Job) -> Outcome:
        try:
            with self._display.bar(job) as bar:
                return Outcome(job.file, self._result(job, bar))
        except (UpscalerError, OSError, MemoryError) as error:
            return failed(job.file, error)
        except Exception as error:  # the border: the other files go on
            log.exception("a file failed")
            return failed(job.file, error)

    def _result(self, job: Job, bar: Bar) -> Result:
        seconds = Seconds()
        bar.says("decoding")
        with seconds.of("decode"):
            picture = self._decoded(job)
            layers = picture.layers()
        bar.takes(len(layers))
        bar.says("waiting")
        with self._turn_to_compute, seconds.of("compute"):
            enlarged = [self._computed(layers, number, bar) for number in range(len(layers))]
        del layers
        bar.computed(1.0)
        bar.says("encoding")
        with seconds.of("encode"):
            result = picture.enlarged(enlarged, self._arguments.scale)
            del enlarged
            return self._written(job, picture, result, seconds)

    def _decoded(self, job: Job) -> Picture:
        self._check()
        with job.file.open("rb") as file:
            return decode(file, self._arguments.scale if self._arguments.keeps_metadata else None)

    def _computed(self, layers: Sequence[Pixels], number: int, bar: Bar) -> Pixels:
        self._check()
        work = self._engine.submit(self._model, layers[number])
        try:
            while wait([work.result], POLL_S).not_done:
                self._check()
                bar.computed((number + work.progress) / len(layers))
            return work.result.result()
        finally:
            work.cancel()

    def _written(self, job: Job, picture: Picture, result: Picture, seconds: Seconds) -> Result:
        with self._targets.part(job.target, self._check) as part:
            encode(result, part, job.target_format, self._arguments.quality)  # type: ignore[arg-type]
            output = self._targets.publish(part, job.target)
        losses = _losses(job, picture)
        document = {
            **self._how(picture),
            "input": {"width": picture.width, "height": picture.height, "format": picture.format},
            "result": {"width": result.width, "height": result.height, "format": job.target_format, **losses},
            "file_size_bytes": part.size_bytes,
            "sha256": part.sha256,
            "seconds": seconds,
        }
        sentences = tuple(f"{what} {how}" for what, how in losses.items())
        return Result(output, part.size_bytes, sentences, document)

    def _how(self, picture: Picture) -> dict[str, Any]:
        """What a picture was computed with."""
        model, dtype = self._model, self._model.dtype_for(picture.pixels)
        return {
            "model": model.spec.name,
            "device": str(model.device.torch_device),
            "dtype": str(dtype).removeprefix("torch."),
            "scale": self._arguments.scale,
            "tiles": len(model.plan(picture.height, picture.width, dtype)),
        }

    def _check(self) -> None:
        """Raises CancelledError when the command is about to end."""
        if self._stopped.is_set():
            raise CancelledError("interrupted")


class Seconds(dict[str, float]):
    """Wall seconds by stage."""

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        began_at = time.perf_counter()
        yield
        self[stage] = round(time.perf_counter() - began_at, 4)


def _share(model: Model, job: Job, scale: int) -> Share:
    header = job.header
    dtype = torch.float32 if header.bit_depth == DEEP else model.device.dtype
    work_s = model.flop(header.height, header.width, dtype) / model.flop_per_s(dtype)
    return Share(work_s, header.width * header.height * scale**2)


def _losses(job: Job, picture: Picture) -> Mapping[str, str]:
    """What the result's format has no room for, in the words of the HTTP API."""
    flattens = job.target_format == "jpeg" and picture.alpha is not None
    reduces = job.target_format != "png" and picture.bit_depth == DEEP
    return {
        **({"alpha": "flattened on white"} if flattens else {}),
        **({"depth": "reduced to 8 bits"} if reduces else {}),
    }
