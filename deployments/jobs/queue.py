"""JobQueue: the order in which waiting jobs are handed out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

AHEAD_S = 2.0
"""A holder with less than this on hand takes whatever is next, so that its engine never idles."""

JOIN_SHARE = 0.25
"""A holder with more takes only a job that is at most this part of what it has: a picture that small
gains much by interleaving and costs the others little, while two large ones would only slow each other."""


PATIENCE = 20
"""How often a job that must be alone is passed over by holders that have others."""


class JobQueue:
    """First come, first served, except that a small job may join a replica busy with a large one."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, float] = OrderedDict()
        self._alone: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def seconds(self) -> float:
        """Estimated work of all that waits."""
        return sum(self._waiting.values())

    def waiting(self) -> Iterable[str]:
        """Job ids, the next one first."""
        return self._waiting.keys()

    def add(self, job_id: str, estimated_s: float) -> None:
        self._waiting[job_id] = estimated_s

    def add_first(self, job_id: str, estimated_s: float, *, alone: bool = False) -> None:
        """Hand back what was taken: it keeps its place. `alone`: only for a holder that has nothing."""
        self._waiting[job_id] = estimated_s
        if alone:
            self._alone[job_id] = 0
        self._waiting.move_to_end(job_id, last=False)

    def discard(self, job_id: str) -> None:
        self._waiting.pop(job_id, None)
        self._alone.pop(job_id, None)

    def place(self, job_id: str) -> tuple[int, float] | None:
        """Where a job stands: 1 for the one that is next, and the estimated seconds of those before it.
        None when it does not wait."""
        ahead_s = 0.0
        for position, (waiting, estimated_s) in enumerate(self._waiting.items(), 1):
            if waiting == job_id:
                return position, ahead_s
            ahead_s += estimated_s
        return None

    def take(self, on_hand_s: float, *, holds_nothing: bool = True) -> str | None:
        """Remove and return the first job fit for a holder with `on_hand_s` seconds of work."""
        most_s = float("inf") if on_hand_s < AHEAD_S else on_hand_s * JOIN_SHARE
        for job_id, estimated_s in self._waiting.items():
            if job_id in self._alone and not holds_nothing:
                self._alone[job_id] += 1
                if self._alone[job_id] > PATIENCE:
                    return None  # until the holder has done what it has
            elif estimated_s <= most_s:
                self.discard(job_id)
                return job_id
        return None
