"""Welcome: whether it is worthwhile to look at a client's picture at all. Spares the store most of these questions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from deployments.jobs.messages import Client, Refusal

GOOD_FOR_S = 0.2
"""How long a client of whom the store would take a job is taken for welcome, unasked. If that has changed, a few
pictures are decoded in vain: the store refuses them all the same, when it is asked to take them."""


class Host(Protocol):
    """What is asked of the job store."""

    async def why_not(self, client: Client, key: str | None = None) -> Refusal | None: ...


class Welcome:
    """Remembers for each client when it was welcome last. A refusal is never remembered."""

    def __init__(self, store: Host, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._until: dict[str, float] = {}

    async def why_not(self, client: Client, key: str | None = None) -> Refusal | None:
        """As the store's call of this name."""
        now = self._clock()
        if self._until.get(client.name, 0.0) > now:
            return None
        refusal = await self._store.why_not(client, key)
        if refusal is None and key is None:  # a key may be welcome where the client is not: its job is there
            self._until[client.name] = now + GOOD_FOR_S
        return refusal
