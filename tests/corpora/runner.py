"""Every file of a corpus through the decoder, two at a time, and the count of what came of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.looking import Look, Looker

AT_ONCE = 2


@dataclass(slots=True)
class Tally:
    """How many files came to what. `bad`: those that no file may come to."""

    num_files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    num_hangs: int = 0
    bad: list[tuple[Path, Look]] = field(default_factory=list)
    limits: list[tuple[Path, Look]] = field(default_factory=list)

    def add(self, path: Path, look: Look) -> None:
        self.num_files += 1
        self.outcomes[look.outcome] += 1
        self.num_hangs += look.hangs
        if look.outcome == "refused":
            self.refusals[look.detail] += 1
        if look.outcome == "limit":
            self.limits.append((path, look))
        if not look.is_fine:
            self.bad.append((path, look))

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.num_files + other.num_files,
            self.outcomes + other.outcomes,
            self.refusals + other.refusals,
            self.num_hangs + other.num_hangs,
            self.bad + other.bad,
            self.limits + other.limits,
        )

    def sentence(self) -> str:
        """The count in one line. A child that a limit has ended has refused its file."""
        count = self.outcomes
        return (
            f"{self.num_files} files: {count['picture']} pictures, {count['refused'] + count['limit']} refused"
            f" ({count['limit']} by a limit), {count['crash']} crashes, {self.num_hangs} hangs,"
            f" {count['unlisted']} unlisted errors"
        )


def files(folder: Path) -> Iterator[Path]:
    """All, whatever their names, but for what git and links put there."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and ".git" not in path.relative_to(folder).parts:
            yield path


async def run(folder: Path, told: Callable[[Path, Look], None] = lambda *_: None) -> Tally:
    """All files of one corpus. `told` hears of each."""
    tally, waiting = Tally(), files(folder)

    async def work() -> None:
        looker = Looker()
        looker.start()
        try:
            for path in waiting:
                with path.open("rb") as file:
                    look = await looker.look(file)
                tally.add(path, look)
                told(path, look)
        finally:
            looker.close()

    async with asyncio.TaskGroup() as workers:
        for _ in range(AT_ONCE):
            workers.create_task(work())
    return tally
