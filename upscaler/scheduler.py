"""Whose turn it is: deficit round-robin (Shreedhar & Varghese, 1995) over estimated seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Scheduler(Generic[T]):
    """Shares a device among flows of work whose pieces cost different amounts.

    Each visit grants a flow `quantum` seconds; it keeps the turn until they are spent, and a piece
    that overdrew is paid back before its next turn. So between two flows that are both there, what
    they got never differs by more than a quantum and a piece.
    """

    def __init__(self, quantum: float) -> None:
        self._quantum = quantum
        self._ring: deque[T] = deque()
        self._credit: dict[T, float] = {}

    def __len__(self) -> int:
        return len(self._ring)

    def add(self, flow: T) -> None:
        """A new flow takes its place at the end of the ring."""
        self._ring.append(flow)
        self._credit[flow] = 0.0

    def remove(self, flow: T) -> None:
        self._ring.remove(flow)
        del self._credit[flow]

    def next(self) -> T | None:
        """The flow whose turn it is; None when there is none."""
        while self._ring:
            flow = self._ring[0]
            if self._credit[flow] > 0:
                return flow
            self._credit[flow] += self._quantum
            if self._credit[flow] <= 0:
                self._ring.rotate(-1)  # it overdrew by more than a quantum: this turn pays for it
        return None

    def charge(self, flow: T, cost: float) -> None:
        """The flow spent `cost`; when its quantum is used up the turn passes on."""
        self._credit[flow] -= cost
        if self._credit[flow] <= 0 and self._ring[0] == flow:
            self._ring.rotate(-1)
