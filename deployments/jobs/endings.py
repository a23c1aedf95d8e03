"""Clients that wait for a job, or for a download, to end instead of asking again and again."""

from __future__ import annotations

import asyncio
from collections import defaultdict

MAX_WAITING = 200
"""Half of what the ingress serves at once; whoever comes beyond it is answered without waiting."""


class Endings:
    """All waits for the end of something, named by its job, that are in progress."""

    def __init__(self, most: int = MAX_WAITING) -> None:
        self._most, self._num_waiting = most, 0
        self._ended: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def wait(self, job_id: str, wait_s: float) -> None:
        """Return when its end is announced, at the latest after `wait_s`."""
        if self._num_waiting >= self._most:
            return
        self._num_waiting += 1
        try:
            await asyncio.wait_for(self._ended[job_id].wait(), wait_s)
        except TimeoutError:
            pass
        finally:
            self._num_waiting -= 1

    def announce(self, job_id: str) -> None:
        """It has ended: let everybody go who waits for it."""
        if ended := self._ended.pop(job_id, None):
            ended.set()
