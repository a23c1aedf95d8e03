"""Clients that keep a service busy."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import Self

from tests.faults.clients import Client, History
from tests.system import FAST


class Load:
    """So many clients at once: each submits a picture, waits for its result, fetches it and takes the next picture,
    until the block ends. `histories` has all jobs, and which of the pictures each had."""

    def __init__(self, client: Client, pictures: Sequence[bytes], num_clients: int) -> None:
        self._client, self._pictures = client, itertools.cycle(pictures)
        self.histories: list[tuple[History, bytes]] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._submit_and_fetch, daemon=True) for _ in range(num_clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """What has been submitted is followed to its end, in its thread."""
        self._over.set()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _submit_and_fetch(self) -> None:
        while not self._over.is_set():
            picture = next(self._pictures)
            history = self._client.submit(picture, FAST)
            self.histories.append((history, picture))
            self._client.finish(history)
