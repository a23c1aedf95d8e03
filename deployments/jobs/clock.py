"""Time as a parameter."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """`monotonic` measures within one life of a process; `wall` is what is written down."""

    def monotonic(self) -> float: ...

    def wall(self) -> float: ...


class SystemClock:
    """The real one."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()


SYSTEM: Clock = SystemClock()
