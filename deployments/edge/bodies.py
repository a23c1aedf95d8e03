"""Request bodies: bounded each and all together before anything holds them, and never awaited for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.types import Message, Receive

from deployments.jobs.messages import EdgeSettings

DISCONNECT: Message = {"type": "http.disconnect"}
GRACE_S, SLOWEST_BYTES_PER_S = 10.0, 32_000
"""A body may take this long, and after that has to have come at this rate."""


class BodyBudget:
    """Bytes of all bodies that have been taken in and not yet been answered."""

    def __init__(self) -> None:
        self.held_bytes = 0

    def fits(self, more_bytes: int, most_bytes: int) -> bool:
        return self.held_bytes + more_bytes <= most_bytes


class Body:
    """One request's body on its way through. `receive` in place of the server's; `refusal` says with
    which code it was ended. Then the application is told that the client has left. `close` it."""

    def __init__(
        self,
        receive: Receive,
        budget: BodyBudget,
        announced_bytes: int,
        settings: EdgeSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receive, self._budget, self._clock = receive, budget, clock
        self._most_bytes, self._most_held_bytes = settings.max_upload_bytes, settings.max_bodies_bytes
        self._received_bytes = self._held_bytes = 0
        self._started_at = clock()
        self._complete = False
        self.client_left = False
        self.refusal: str | None = None
        self._hold(announced_bytes)

    async def receive(self) -> Message:
        """The server's next message, or "disconnect" when the body has been refused."""
        if self.refusal:
            return DISCONNECT
        if self._complete:
            message = await self._receive()
        else:
            try:
                message = await asyncio.wait_for(self._receive(), self._patience_s())
            except TimeoutError:
                self.refusal = "body_too_slow"
                return DISCONNECT
        if message["type"] == "http.disconnect":
            self.client_left = True
        elif message["type"] == "http.request":
            self._complete = not message.get("more_body", False)
            self._received_bytes += len(message.get("body", b""))
            self._hold(self._received_bytes)
        return DISCONNECT if self.refusal else message

    def close(self) -> None:
        """The request has been answered: nothing of its body is held any more."""
        self._budget.held_bytes -= self._held_bytes
        self._held_bytes = 0

    def _hold(self, total_bytes: int) -> None:
        more_bytes = total_bytes - self._held_bytes
        if total_bytes > self._most_bytes:
            self.refusal = "body_too_large"
        elif more_bytes > 0 and not self._budget.fits(more_bytes, self._most_held_bytes):
            self.refusal = "too_many_uploads"
        elif more_bytes > 0:
            self._budget.held_bytes += more_bytes
            self._held_bytes = total_bytes

    def _patience_s(self) -> float:
        allowed_s = GRACE_S + self._received_bytes / SLOWEST_BYTES_PER_S
        return max(0.0, self._started_at + allowed_s - self._clock())
