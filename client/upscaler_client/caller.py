"""What both clients have in common: where the service is, and how they speak with it."""

from __future__ import annotations

import random
from collections.abc import Callable

from upscaler_client.conversation import Conversation, Listeners
from upscaler_client.retries import Deadline, Manners
from upscaler_client.wire import Origin

PATIENCE_S, QUEUEING_S = 120.0, 3600.0


class Caller:
    """Knows everything of a call but how to send and how to sleep."""

    def __init__(
        self, url: str, key: str | None, patience_s: float, queueing_s: float, clock: Callable[[], float]
    ) -> None:
        self._origin = Origin(url, key)
        self._manners = Manners(patience_s, queueing_s, clock, random.random)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._origin.url!r})"

    def _conversation(self, timeout_s: float | None, listeners: Listeners | None = None) -> Conversation:
        deadline = Deadline(self._manners.clock, timeout_s)
        return Conversation(self._manners, deadline, listeners or Listeners())
