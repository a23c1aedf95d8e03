"""The ingress alone, in this process: jobs are accepted, and wait for ever. Starts in moments."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from typing import Self

import uvicorn
from obstore.store import MemoryStore

from deployments.decoder.decoder import Decoder
from deployments.ingress.admission import Admission, Serving
from deployments.ingress.api import create_app
from deployments.ingress.backend import Backend
from deployments.ingress.keys import Key, KeyRing
from deployments.jobs.messages import Client
from deployments.jobs.policy import Policy
from deployments.jobs.store import JobStore
from deployments.storage.storage import JobStorage
from tests.ports import free_port
from tests.system import BEST, FAST
from upscaler.catalogue import load_catalogue
from upscaler.pictures.picture import Limits

KEY = "a-secret-that-is-typed"
MAX_UPLOAD_BYTES, MAX_INPUT_PX = 1 << 20, 1_000_000


class Ingress:
    """`url` is where it answers."""

    def __init__(self, key: str | None = None) -> None:
        self._port, self._key = free_port(), key
        self.url = f"http://127.0.0.1:{self._port}"
        self._server: uvicorn.Server | None = None
        self._is_up = threading.Event()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),))
        self._thread.start()
        assert self._is_up.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(30)

    async def _serve(self) -> None:
        storage = JobStorage(MemoryStore(), None)
        store = JobStore(storage, Policy())
        await store.start()
        limits = Limits(max_input_px=MAX_INPUT_PX)
        serving = Serving(load_catalogue(), (FAST, BEST), FAST, limits, 200.0, MAX_UPLOAD_BYTES)
        digests = [hashlib.sha256(self._key.encode()).hexdigest()] if self._key else []
        keys = KeyRing(Key(digest, Client("somebody", None, None, None)) for digest in digests)
        decoder = Decoder()
        app = create_app(Backend(store, storage, Admission(serving, decoder), keys=keys))
        config = uvicorn.Config(app, port=self._port, log_level="error", ws="none", lifespan="off")
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
        serving_task = asyncio.ensure_future(self._server.serve())
        while not self._server.started:
            await asyncio.sleep(0.01)
        self._is_up.set()
        await serving_task
        decoder.close()
        await store.close()
