"""JobQueue: the order in which waiting jobs are handed out."""

from __future__ import annotations

from collections import OrderedDict

AHEAD_S = 2.0
"""A holder with less than this on hand takes whatever is next, so that its engine never idles."""

JOIN_SHARE = 0.25
"""A holder with more takes only a job that is at most this part of what it has: a picture that small
gains much by interleaving and costs the others little, while two large ones would only slow each other."""


class JobQueue:
    """First come, first served, except that a small job may join a replica busy with a large one."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def seconds(self) -> float:
        """Estimated work of all that waits."""
        return sum(self._waiting.values())

    def add(self, job_id: str, estimated_s: float) -> None:
        self._waiting[job_id] = estimated_s

    def add_first(self, job_id: str, estimated_s: float) -> None:
        """Hand back what was taken: it keeps its place."""
        self._waiting[job_id] = estimated_s
        self._waiting.move_to_end(job_id, last=False)

    def discard(self, job_id: str) -> None:
        self._waiting.pop(job_id, None)

    def position(self, job_id: str) -> int | None:
        if job_id not in self._waiting:
            return None
        return 1 + next(place for place, waiting in enumerate(self._waiting) if waiting == job_id)

    def take(self, on_hand_s: float) -> str | None:
        """Remove and return the first job fit for a holder with `on_hand_s` seconds of work."""
        most_s = float("inf") if on_hand_s < AHEAD_S else on_hand_s * JOIN_SHARE
        for job_id, estimated_s in self._waiting.items():
            if estimated_s <= most_s:
                del self._waiting[job_id]
                return job_id
        return None
