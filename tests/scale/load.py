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
    until the block ends."""

    def __init__(self, client: Client, pictures: Sequence[bytes], num_clients: int) -> None:
        self._client, self._pictures = client, itertools.cycle(pictures)
        self._jobs: list[tuple[History, bytes]] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._submit_and_fetch, daemon=True) for _ in range(num_clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """What has been submitted is followed to its end all the same."""
        self._over.set()

    def finished(self) -> list[tuple[History, bytes]]:
        """All jobs and their pictures, once the last has ended."""
        for thread in self._threads:
            thread.join()
        return self._jobs

    def _submit_and_fetch(self) -> None:
        while not self._over.is_set():
            picture = next(self._pictures)
            history = self._client.submit(picture, FAST)
            self._jobs.append((history, picture))
            self._client.finish(history)
