"""Draw cases until the time is up; make smaller what breaks a rule, and keep it.

Every case comes from the seed and its number alone, so that any of them can be drawn again by itself.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

Case = TypeVar("Case")

REDUCE_S = 20.0
"""How long one finding may be made smaller."""

MAX_FINDINGS = 20


class Fuzzer(Protocol[Case]):
    """What is fuzzed, and the rules that hold."""

    name: str
    at_once: int

    async def start(self) -> None: ...

    def draw(self, rng: random.Random) -> Case: ...

    async def broken_rule(self, case: Case) -> str | None:
        """The rule that the case breaks, in words that are the same for all cases of one cause; None if none."""

    def smaller(self, case: Case) -> Iterator[Case]:
        """Simpler cases, the boldest first."""

    def written(self, case: Case) -> bytes:
        """The case as a file of its own."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Finding(Generic[Case]):
    """The first case of its kind, made smaller."""

    rule: str
    number: int
    case: Case


@dataclass(slots=True)
class Report(Generic[Case]):
    """What a run came to."""

    num_cases: int = 0
    findings: dict[str, Finding[Case]] = field(default_factory=dict)


async def run(fuzzer: Fuzzer[Case], seed: int, seconds: float, first: int = 0, most: int | None = None) -> Report[Case]:
    """Cases number `first` and on, for so many seconds, or `most` cases."""
    report: Report[Case] = Report()
    ends_at = time.monotonic() + seconds
    numbers = iter(range(first, first + most) if most is not None else _all_from(first))

    async def work() -> None:
        for number in numbers:
            if time.monotonic() >= ends_at or len(report.findings) >= MAX_FINDINGS:
                return
            await _try(fuzzer, seed, number, report)

    await fuzzer.start()
    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(fuzzer.at_once):
                workers.create_task(work())
    finally:
        await fuzzer.close()
    return report


def _all_from(number: int) -> Iterator[int]:
    while True:
        yield number
        number += 1


def drawn(fuzzer: Fuzzer[Case], seed: int, number: int) -> Case:
    """The case of that number."""
    return fuzzer.draw(random.Random(f"{seed}:{number}"))


async def _try(fuzzer: Fuzzer[Case], seed: int, number: int, report: Report[Case]) -> None:
    case = await asyncio.to_thread(drawn, fuzzer, seed, number)  # what is on its way meanwhile has a clock
    rule = await fuzzer.broken_rule(case)
    report.num_cases += 1
    if rule is None or rule in report.findings:
        return
    report.findings[rule] = Finding(rule, number, case)
    report.findings[rule] = Finding(rule, number, await reduced(fuzzer, case, rule))


async def reduced(fuzzer: Fuzzer[Case], case: Case, rule: str, seconds: float = REDUCE_S) -> Case:
    """The smallest case found in that time which still breaks the same rule."""
    ends_at = time.monotonic() + seconds
    while (found := await _first_like(fuzzer, case, rule, ends_at)) is not None:
        case = found
    return case


async def _first_like(fuzzer: Fuzzer[Case], case: Case, rule: str, ends_at: float) -> Case | None:
    for candidate in fuzzer.smaller(case):
        if time.monotonic() >= ends_at:
            return None
        if await fuzzer.broken_rule(candidate) == rule:
            return candidate
    return None


def keep(fuzzer: Fuzzer[Case], report: Report[Case], folder: Path) -> list[Path]:
    """Write down every finding; its file is what a test can be made of."""
    kept = []
    for finding in report.findings.values():
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{fuzzer.name}-{finding.number}"
        path.write_bytes(fuzzer.written(finding.case))
        kept.append(path)
    return kept
