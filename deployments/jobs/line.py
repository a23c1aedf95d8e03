"""Line: the waiting jobs of one owner, in order, and the work before each.

In blocks, so that no question and no change has to walk past all of them: with ten thousand jobs in one line that
takes milliseconds, and every upload asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from deployments.jobs.policy import OVERHEAD_S

BLOCK_JOBS = 128


@dataclass(slots=True, eq=False)
class _Block:
    """Some jobs that follow one another, and their estimates."""

    jobs: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def put(self, jobs: dict[str, float]) -> None:
        """Summed anew each time: what is added to and taken from forgets nothing, but rounds."""
        self.jobs, self.seconds = jobs, sum(jobs.values())

    @property
    def span_s(self) -> float:
        """What its jobs are charged together."""
        return self.seconds + len(self.jobs) * OVERHEAD_S


class Line:
    """Job ids and their estimated seconds."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._block_of: dict[str, _Block] = {}

    def __len__(self) -> int:
        return len(self._block_of)

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """From its head. It must not change meanwhile."""
        return (job for block in self._blocks for job in block.jobs.items())

    @property
    def seconds(self) -> float:
        return sum(block.seconds for block in self._blocks)

    def append(self, job_id: str, estimated_s: float) -> None:
        self.remove(job_id)
        if not self._blocks or len(self._blocks[-1].jobs) >= BLOCK_JOBS:
            self._blocks.append(_Block())
        block = self._blocks[-1]
        block.put({**block.jobs, job_id: estimated_s})
        self._block_of[job_id] = block

    def prepend(self, job_id: str, estimated_s: float) -> None:
        self.remove(job_id)
        if not self._blocks or len(self._blocks[0].jobs) >= BLOCK_JOBS:
            self._blocks.insert(0, _Block())
        block = self._blocks[0]
        block.put({job_id: estimated_s, **block.jobs})
        self._block_of[job_id] = block

    def remove(self, job_id: str) -> None:
        """Nothing happens where it is not in line."""
        block = self._block_of.pop(job_id, None)
        if block is None:
            return
        block.put({other: estimated_s for other, estimated_s in block.jobs.items() if other != job_id})
        if not block.jobs:
            self._blocks.remove(block)

    def before(self, job_id: str) -> tuple[int, float]:
        """How many jobs come before this one, and their seconds."""
        number, ahead_s, own = 0, 0.0, self._block_of[job_id]
        for block in self._blocks:
            if block is own:
                break
            number, ahead_s = number + len(block.jobs), ahead_s + block.seconds
        for other, estimated_s in own.jobs.items():
            if other == job_id:
                break
            number, ahead_s = number + 1, ahead_s + estimated_s
        return number, ahead_s

    def within(self, span_s: float, *, inclusive: bool) -> tuple[int, float]:
        """How many jobs begin before so much has been charged for those in front of them, and their seconds.
        `inclusive`: or exactly then."""
        number, ahead_s, begins_s = 0, 0.0, 0.0
        for block in self._blocks:
            if begins_s + block.span_s <= span_s:
                number, ahead_s, begins_s = number + len(block.jobs), ahead_s + block.seconds, begins_s + block.span_s
                continue
            for estimated_s in block.jobs.values():
                if begins_s > span_s or (begins_s == span_s and not inclusive):
                    return number, ahead_s
                number, ahead_s, begins_s = number + 1, ahead_s + estimated_s, begins_s + estimated_s + OVERHEAD_S
        return number, ahead_s
