"""One leased job on its way: input from storage, decode, engine, encode, result to storage."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tempfile
from contextlib import AbstractContextManager
from typing import IO

from deployments.decoder.decoder import Decoder
from deployments.decoder.wire import Bounds
from deployments.errands import insist
from deployments.jobs.messages import Grant
from deployments.jobs.record import Order, Result
from deployments.metrics import catalogue as figures
from deployments.metrics.meter import UNMETERED, Meter, timed
from deployments.storage.storage import JobStorage
from deployments.upscaler.codecs import Codecs
from deployments.upscaler.shelf import ModelShelf
from upscaler.engine import Engine, Pass
from upscaler.errors import CancelledError
from upscaler.model import Model
from upscaler.pictures.encoding import encode
from upscaler.pictures.picture import Limits, Picture
from upscaler.transfer import Pixels

SPOOL_BYTES = 32 << 20
DIGEST_BYTES = 1 << 20
COMPUTED_PROGRESS = 97
"""Per cent when the engine is done; encoding and storing are the rest."""


class InputMissingError(Exception):
    """The input of a job is not in storage, or not in the storage that is seen here."""


class Work:
    """A job in hand. `run` it once; `progress` and `cancel` are for others meanwhile."""

    def __init__(self, grant: Grant, meter: Meter = UNMETERED) -> None:
        self.grant = grant
        self._meter = meter
        self._pass: Pass | None = None
        self._num_passes, self._num_ended = 1, 0
        self._cancelled = False
        self._stored = False
        self.resting = False
        """Whether it only waits to be given back: nothing is left to do for it here."""

    @property
    def progress(self) -> int:
        """0…99, never falling."""
        if self._stored:
            return 99
        running = self._pass.progress if self._pass else 0.0
        return int((self._num_ended + running) / self._num_passes * COMPUTED_PROGRESS)

    @property
    def remaining_s(self) -> float:
        """What is left of the job, by the estimate that the store goes by."""
        return 0.0 if self.resting else self.grant.order.estimated_s * (1 - self.progress / 100)

    def cancel(self) -> None:
        """Drop the job: `run` raises CancelledError before the next piece, or before there is one."""
        self._cancelled = True
        if self._pass is not None:
            self._pass.cancel()

    async def run(
        self, storage: JobStorage, decoder: Decoder, engine: Engine, shelf: ModelShelf, codecs: Codecs
    ) -> Result:
        """Do the job; its result is in storage but not yet published when this returns.

        Raises UpscalerError when the picture or the model is at fault, InputMissingError, DecoderError, StorageError.
        """
        order = self.grant.order
        with self._stage("read"):
            data = await self._input(storage)
        with self._stage("decode"):
            picture = await decoder.decode(io.BytesIO(data), _bounds(order), keeps_metadata=order.keeps_metadata)
            layers = await codecs.run(picture.layers)
        with self._stage("load"):
            model = await asyncio.to_thread(shelf.get, order.model)
        self._num_passes = len(layers)
        with self._stage("compute"):
            enlarged = [await self._enlarged(engine, model, layer) for layer in layers]
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as file:
            with self._stage("encode"):
                size_bytes, sha256 = await codecs.run(lambda: _encode(picture, enlarged, order, file))
            with self._stage("store"):
                name = await insist(lambda: storage.put_result(self.grant.job_id, self.grant.fence, file))
        self._stored = True
        return Result(name, size_bytes, sha256)

    def _stage(self, stage: str) -> AbstractContextManager[None]:
        return timed(self._meter, figures.STAGE_S, stage=stage)

    async def _input(self, storage: JobStorage) -> bytes:
        try:
            return await storage.get_input(self.grant.job_id)
        except FileNotFoundError as error:
            raise InputMissingError(self.grant.job_id) from error

    async def _enlarged(self, engine: Engine, model: Model, layer: Pixels) -> Pixels:
        """The engine's part. It ends with this task: nothing is computed for nobody."""
        if self._cancelled:
            raise CancelledError("cancelled")
        self._pass = engine.submit(model, layer)
        try:
            enlarged = await asyncio.wrap_future(self._pass.result)
        finally:
            self._pass.cancel()
        self._pass, self._num_ended = None, self._num_ended + 1
        self._meter.count(figures.PIXELS, layer.shape[0] * layer.shape[1], model=self.grant.order.model)
        return enlarged


def _bounds(order: Order) -> Bounds:
    """What was admitted, whatever the limits are by now."""
    px = order.input_width * order.input_height
    return Bounds(
        Limits(px, px * order.scale**2, max(order.input_width, order.input_height) * order.scale), order.scale
    )


def _encode(picture: Picture, layers: list[Pixels], order: Order, file: IO[bytes]) -> tuple[int, str]:
    """Write the finished picture to `file`; its size in bytes and its sha256."""
    encode(picture.enlarged(layers, order.scale), file, order.output_format, order.quality)  # type: ignore[arg-type]
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(DIGEST_BYTES):
        digest.update(chunk)
    return file.tell(), digest.hexdigest()
