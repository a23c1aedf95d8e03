"""JobQueue: the order in which waiting jobs are handed out."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import islice

from deployments.jobs.line import Line
from deployments.jobs.policy import OVERHEAD_S

AHEAD_S = 2.0
"""A holder with less than this on hand takes whatever is next, so that its engine never idles."""

JOIN_SHARE = 0.25
"""A holder with more takes only a job that is at most this part of what it has: a picture that small
gains much by interleaving and costs the others little, while two large ones would only slow each other."""

PATIENCE = 20
"""How often a job that must be alone is passed over by holders that have others."""

MOST_LOOKED_AT = 500
"""How many waiting jobs are looked through for a small one: every busy holder asks every second."""


class JobQueue:
    """First come, first served among the jobs of one owner; owners take turns by the work that was done for
    each (start-time fair queueing). A small job may join a replica busy with a large one."""

    def __init__(self) -> None:
        self._waiting: dict[str, Line] = {}
        self._owner_of: dict[str, str] = {}
        self._served_s: dict[str, float] = {}
        self._turn_s = 0.0
        self._alone: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._owner_of)

    @property
    def seconds(self) -> float:
        """Estimated work of all that waits."""
        return sum(line.seconds for line in self._waiting.values())

    def waiting(self) -> Iterable[str]:
        """Job ids, the next one first. The queue must not change meanwhile."""
        return (job_id for job_id, _ in self._in_turn())

    def add(self, job_id: str, estimated_s: float, owner: str = "") -> None:
        self._line_of(owner).append(job_id, estimated_s)
        self._owner_of[job_id] = owner

    def add_first(self, job_id: str, estimated_s: float, owner: str = "", *, alone: bool = False) -> None:
        """Hand back what was taken: it keeps its place. `alone`: only for a holder that has nothing."""
        self._line_of(owner).prepend(job_id, estimated_s)
        self._owner_of[job_id] = owner
        self._served_s[owner] -= estimated_s + OVERHEAD_S
        if alone:
            self._alone[job_id] = 0

    def discard(self, job_id: str) -> None:
        self._alone.pop(job_id, None)
        owner = self._owner_of.pop(job_id, None)
        if owner is not None:
            self._waiting[owner].remove(job_id)
            if not self._waiting[owner]:
                del self._waiting[owner]
                self._forget_idle()

    def place(self, job_id: str) -> tuple[int, float] | None:
        """Where a job stands: 1 for the one that is next, and the estimated seconds of those before it. None for one
        that does not wait."""
        if (owner := self._owner_of.get(job_id)) is None:
            return None
        number, ahead_s = self._waiting[owner].before(job_id)
        turn_s, is_before = self._served_s[owner] + ahead_s + number * OVERHEAD_S, True
        for other, line in self._waiting.items():
            if other == owner:  # at the same turn, who came into the queue first goes first
                is_before = False
                continue
            others, others_s = line.within(turn_s - self._served_s[other], inclusive=is_before)
            number, ahead_s = number + others, ahead_s + others_s
        return number + 1, ahead_s

    def take(self, on_hand_s: float, *, holds_nothing: bool = True) -> str | None:
        """Remove and return the first job fit for a holder with `on_hand_s` seconds of work."""
        most_s = float("inf") if on_hand_s < AHEAD_S else on_hand_s * JOIN_SHARE
        for job_id, estimated_s in islice(self._in_turn(), MOST_LOOKED_AT):
            if job_id in self._alone and not holds_nothing:
                self._alone[job_id] += 1
                if self._alone[job_id] > PATIENCE:
                    return None  # until the holder has done what it has
            elif estimated_s <= most_s:
                self._charge(self._owner_of[job_id], estimated_s)
                self.discard(job_id)
                return job_id
        return None

    def _in_turn(self) -> Iterator[tuple[str, float]]:
        """All that waits and its estimates, by whose turn it would be if each were taken."""
        jobs = {owner: iter(line) for owner, line in self._waiting.items()}
        turns = [(self._served_s[owner], number, owner) for number, owner in enumerate(jobs)]
        heapq.heapify(turns)
        while turns:
            served_s, number, owner = heapq.heappop(turns)
            job = next(jobs[owner], None)
            if job is not None:
                yield job
                heapq.heappush(turns, (served_s + job[1] + OVERHEAD_S, number, owner))

    def _line_of(self, owner: str) -> Line:
        if owner not in self._waiting:
            self._waiting[owner] = Line()
            # Who comes back has no claim to what others had meanwhile, and who has had much waits for its turn.
            self._served_s[owner] = max(self._turn_s, self._served_s.get(owner, 0.0))
        return self._waiting[owner]

    def _charge(self, owner: str, estimated_s: float) -> None:
        self._turn_s = max(self._turn_s, self._served_s[owner])
        self._served_s[owner] += estimated_s + OVERHEAD_S

    def _forget_idle(self) -> None:
        """An owner without jobs is remembered only while it has had more than its turn."""
        self._served_s = {
            owner: served_s
            for owner, served_s in self._served_s.items()
            if owner in self._waiting or served_s > self._turn_s
        }
