"""Who holds which jobs, and which of them were held side by side. In memory alone."""

from __future__ import annotations

from collections import defaultdict


class Holders:
    """A replica that dies with several jobs does not say which of them has ended it."""

    def __init__(self) -> None:
        self._jobs_of: defaultdict[str, set[str]] = defaultdict(set)
        self._accompanied: set[str] = set()

    def __len__(self) -> int:
        return len(self._jobs_of)

    def jobs_of(self, holder: str) -> frozenset[str]:
        return frozenset(self._jobs_of.get(holder, ()))

    def give(self, holder: str, job_id: str) -> None:
        together = self._jobs_of[holder]
        together.add(job_id)
        if len(together) > 1:
            self._accompanied |= together

    def take_up(self, job_id: str) -> None:
        """A job of an earlier life: nobody knows what was beside it."""
        self._accompanied.add(job_id)

    def take_back(self, holder: str | None, job_id: str) -> None:
        """The job has left its holder, however that came."""
        self._accompanied.discard(job_id)
        if holder is not None and holder in self._jobs_of:
            self._jobs_of[holder].discard(job_id)
            if not self._jobs_of[holder]:
                del self._jobs_of[holder]

    def was_alone(self, job_id: str) -> bool:
        """Whether its holder has had no other job beside it, all the time."""
        return job_id not in self._accompanied
