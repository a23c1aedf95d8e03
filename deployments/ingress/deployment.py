"""The Ingress as Serve runs it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments.decoder.decoder import Decoder
from deployments.errors import StoreGoneError, StoreUnavailableError
from deployments.ingress.admission import Admission, Serving
from deployments.ingress.api import create_app
from deployments.ingress.backend import Backend
from deployments.jobs.actor import ensure_store
from deployments.jobs.remote import RemoteStore
from deployments.logs import join_serve, write_as
from deployments.metrics.meter import RayMeter
from deployments.settings import Settings
from deployments.storage.proof import prove_same_storage
from deployments.storage.storage import open_storage

UNWELL_S = 120.0


def _in_a_loop_of_its_own(proof: Coroutine[Any, Any, None]) -> None:
    """Serve calls the constructor from a loop that runs already."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, proof).result()


@serve.ingress()
class Ingress:
    """Answers HTTP. The first replica to come also brings up the job store: the one place that may,
    since the builder of the application runs elsewhere too."""

    def __init__(self, settings: Settings, serving: Serving, _upscaler: DeploymentHandle[Any]) -> None:
        # The handle goes unused, since replicas pull their work: it makes the two one application.
        os.umask(0o077)
        join_serve()
        write_as(settings.log_format)
        ensure_store(settings)
        self._well_at = time.monotonic()
        self._store, storage = RemoteStore(settings.store_name), open_storage(settings.storage_url)
        _in_a_loop_of_its_own(prove_same_storage(storage, RemoteStore(settings.store_name)))
        self._decoder = Decoder()
        self._decoder.start()
        self._backend = Backend(
            store=self._store,
            storage=storage,
            admission=Admission(serving, self._decoder),
            access=settings.access.access(),
            keys=settings.access.key_ring(),
            meter=RayMeter(),
            max_waiting=settings.ingress.max_ongoing_requests // 2,
        )

    async def check_health(self) -> None:
        """Raises when there is no job store, or none that answers in minutes: the replica that Serve starts in
        place of this one brings it up again. One that is just being restarted is waited for."""
        try:
            await self._store.check_health()
        except StoreGoneError:
            raise
        except StoreUnavailableError:
            if time.monotonic() - self._well_at > UNWELL_S:
                raise
        else:
            self._well_at = time.monotonic()

    def __serve_build_asgi_app__(self) -> FastAPI:
        return create_app(self._backend, behind_serve_proxy=True)
