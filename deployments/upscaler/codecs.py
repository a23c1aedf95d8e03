"""Threads that decode and encode pictures, and how long they have been at it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

CODEC_THREADS = 2


class Codecs:
    """`run` what takes long outside of the event loop; `close` when nothing more will come."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(CODEC_THREADS, thread_name_prefix="codec")
        self._began: dict[object, float] = {}

    async def run(self, call: Callable[[], T]) -> T:
        """The call's result; raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: self._timed(call))

    @property
    def busy_s(self) -> float:
        """How long the longest of the calls that run now has taken so far."""
        now = time.monotonic()
        return max((now - began for began in list(self._began.values())), default=0.0)

    def close(self) -> None:
        """Let go of the threads; what runs goes on to its end."""
        self._threads.shutdown(wait=False)

    def _timed(self, call: Callable[[], T]) -> T:
        key = object()
        self._began[key] = time.monotonic()
        try:
            return call()
        finally:
            del self._began[key]
