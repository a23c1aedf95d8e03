"""The Upscaler as Serve runs it: no requests, only a lease loop."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid

from deployments.jobs.remote import RemoteStore
from deployments.logs import join_serve, write_as
from deployments.metrics.meter import RayMeter
from deployments.serving import weights_store
from deployments.settings import Settings
from deployments.storage.proof import prove_same_storage
from deployments.storage.storage import open_storage
from deployments.upscaler.codecs import Codecs
from deployments.upscaler.shelf import ModelShelf
from deployments.upscaler.worker import Worker
from upscaler.catalogue import load_catalogue
from upscaler.device import DeviceName, select_device
from upscaler.engine import Engine

log = logging.getLogger("ray.serve")


STALL_S, CODEC_STALL_S, LOOK_S = 60.0, 600.0, 5.0
"""A piece of the engine's work takes a quarter of a second, decoding or encoding a picture minutes at most.
What takes so long will never end."""


class Upscaler:
    """One engine on one device. Serve places it, watches its health and scales it; its work it pulls."""

    async def __init__(self, settings: Settings, device: DeviceName) -> None:  # type: ignore[misc]  # Serve awaits it
        os.umask(0o077)
        join_serve()
        write_as(settings.log_format)
        self._engine: Engine | None = None
        store, storage = RemoteStore(settings.store_name), open_storage(settings.storage_url)
        await prove_same_storage(storage, store)
        shelf = await asyncio.to_thread(_warm_shelf, settings, device)
        self._engine = Engine(shelf.device)
        self._engine.start()
        self._worker = Worker(uuid.uuid4().hex, store, storage, self._engine, shelf, RayMeter())
        self._working = asyncio.ensure_future(self._worker.run())
        self._watching = asyncio.ensure_future(_end_when_stalled(self._engine, self._worker.codecs))
        log.info("upscaling on %s in %s: %s", shelf.device.torch_device, shelf.device.dtype_name, shelf.device.reason)

    def check_health(self) -> None:
        """Raises when the replica can do no more work, so that Serve replaces it."""
        if self._working.done():
            raise RuntimeError("the lease loop has ended")
        if self._engine is None or not self._engine.alive:
            raise RuntimeError("the engine has ended")

    async def __del__(self) -> None:
        """Called by Serve when the replica is to go: finish what is nearly done, give back the rest."""
        if self._engine is None:
            return
        self._worker.stop()
        await asyncio.wait([self._working])
        self._watching.cancel()
        await asyncio.to_thread(self._engine.close)


async def _end_when_stalled(engine: Engine, codecs: Codecs) -> None:
    """End the process when its engine or a codec hangs: a thread inside a kernel cannot be ended otherwise.
    The lease of what it worked on runs out, as after any death, and counts as one."""
    while True:
        await asyncio.sleep(LOOK_S)
        if engine.busy_s > STALL_S or codecs.busy_s > CODEC_STALL_S:
            log.critical("a piece of work has not ended for %.0f s; this replica ends", STALL_S)
            logging.shutdown()
            os._exit(os.EX_SOFTWARE)


def _warm_shelf(settings: Settings, device: DeviceName) -> ModelShelf:
    """Test the device and load the default model, so that the first job does not wait for it."""
    wanted, models = settings.upscaler, settings.models
    chosen = select_device(
        device,
        wanted.dtype,
        engines_on_host=wanted.replicas_per_host,
        memory_budget_bytes=wanted.memory_budget_bytes,
    )
    shelf = ModelShelf(load_catalogue(models.catalogue), weights_store(models), chosen)
    shelf.get(models.default)
    return shelf
