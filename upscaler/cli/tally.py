"""Tally: how far the whole command is, by work and not by files. Without a clock, a thread or a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Share:
    """What one file has of the work: `work_s` estimated for each of its passes, `result_px` when it is done."""

    work_s: float
    result_px: int
    passes: int = 1
    fraction: float = 0.0

    @property
    def total_s(self) -> float:
        return self.work_s * self.passes


class Tally:
    """The shares of all files, and their sums. Estimates are trusted among each other only: what a file takes beside
    another one, not in seconds, which are taken from how long the work so far has taken."""

    def __init__(self, shares: Mapping[Path, Share]) -> None:
        self._shares = shares
        self.num_files, self.num_ended = len(shares), 0
        self.total_s = sum(share.total_s for share in shares.values())
        self.done_s = self.done_px = 0.0

    def takes(self, key: Path, passes: int) -> None:
        """Known when a file is decoded: transparency may go through the model, too."""
        share = self._shares[key]
        self.total_s += share.work_s * (passes - share.passes)
        share.passes = passes

    def computed(self, key: Path, fraction: float) -> None:
        """How much of a file's passes is done, 0…1."""
        share = self._shares[key]
        self.done_s += share.total_s * (fraction - share.fraction)
        self.done_px += share.result_px * (fraction - share.fraction)
        share.fraction = fraction

    def ended(self, key: Path) -> None:
        """What a failed file has left undone is no work any more."""
        share = self._shares[key]
        self.total_s -= share.total_s * (1 - share.fraction)
        self.num_ended += 1

    def px_per_s(self, elapsed_s: float) -> float:
        """Pixels of results a second so far."""
        return self.done_px / elapsed_s if elapsed_s > 0 else 0.0

    def eta_s(self, elapsed_s: float) -> float | None:
        """Seconds that are left, None before anything is done."""
        return max(0.0, self.total_s - self.done_s) * elapsed_s / self.done_s if self.done_s > 0 else None
