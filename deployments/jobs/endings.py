"""Clients that wait for a job, or for a download, to end instead of asking again and again."""

from __future__ import annotations

import asyncio
from collections import Counter

MAX_WAITING = 1000
"""Half of the calls that the actor has at once; whoever comes beyond it is answered without waiting. Each Ingress has
a smaller limit of its own."""


class Endings:
    """All waits for the end of something, named by its job, that are in progress."""

    def __init__(self, most: int = MAX_WAITING) -> None:
        self._most, self._num_waiting = most, 0
        self._ended: dict[str, asyncio.Event] = {}
        self._num_for: Counter[str] = Counter()

    async def wait(self, job_id: str, wait_s: float) -> None:
        """Return when its end is announced, at the latest after `wait_s`."""
        if self._num_waiting >= self._most:
            return
        self._num_waiting += 1
        self._num_for[job_id] += 1
        try:
            await asyncio.wait_for(self._ended.setdefault(job_id, asyncio.Event()).wait(), wait_s)
        except TimeoutError:
            pass
        finally:
            self._num_waiting -= 1
            self._leave(job_id)

    def _leave(self, job_id: str) -> None:
        """The last to leave forgets what was waited for."""
        self._num_for[job_id] -= 1
        if not self._num_for[job_id]:
            del self._num_for[job_id]
            self._ended.pop(job_id, None)

    def announce(self, job_id: str) -> None:
        """It has ended: let everybody go who waits for it."""
        if ended := self._ended.pop(job_id, None):
            ended.set()
