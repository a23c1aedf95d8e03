"""Pictures with something wrong in them, each through a child of the real decoder."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from tests.fuzz import jpeg, mutations, png, webp
from tests.fuzz.extras import hostile
from tests.fuzz.seeds import made, of_corpora
from tests.looking import MAX_CPU_S, Looker

AT_ONCE = 2
CORPORA_SHARE = 0.4
MAX_BYTES = 32 << 20
"""What the service lets through."""


class DecodeFuzzer:
    """A picture, a refusal, or the end by a limit; never a crash, and never more than five seconds."""

    name = "decode"
    at_once = AT_ONCE

    def __init__(self, corpora: Path) -> None:
        self._corpora = corpora
        self._lookers = [Looker(wants_all=True) for _ in range(AT_ONCE)]
        self.outcomes: Counter[str] = Counter()
        self.limits: list[bytes] = []
        """What a limit has ended, which is what it is for; to be looked at all the same."""

    async def start(self) -> None:
        for looker in self._lookers:
            looker.start()

    async def close(self) -> None:
        for looker in self._lookers:
            looker.close()

    @cached_property
    def _made(self) -> list[bytes]:
        return made()

    @cached_property
    def _found(self) -> list[bytes]:
        return of_corpora(self._corpora, random.Random(0)) if self._corpora.is_dir() else []

    def draw(self, rng: random.Random) -> bytes:
        seeds = self._found if self._found and rng.random() < CORPORA_SHARE else self._made
        data = rng.choice(seeds)
        if rng.random() < 0.15:
            return mutations.mutated(rng, data, rng.choice((1, 2, 4)))
        extras = hostile(rng)
        if data.startswith(png.SIGNATURE):
            wrong = png.wrong(rng, data, extras)
        elif data.startswith(b"RIFF"):
            wrong = webp.wrong(rng, data, extras)
        else:
            wrong = jpeg.wrong(rng, data, extras)
        return (mutations.flip_bits(rng, wrong) if rng.random() < 0.1 else wrong)[:MAX_BYTES]

    async def broken_rule(self, case: bytes) -> str | None:
        looker = self._lookers.pop()
        try:
            look = await looker.look(io.BytesIO(case))
        finally:
            self._lookers.append(looker)
        self.outcomes[look.detail if look.outcome == "refused" else look.outcome] += 1
        if look.outcome == "limit":
            self.limits.append(case)
        if look.hangs:
            return "too much processor time" if look.cpu_s > MAX_CPU_S else "hangs"
        return None if look.is_fine else f"{look.outcome}: {look.detail}"

    def smaller(self, case: bytes) -> Iterator[bytes]:
        """Without some of its chunks, then without some of their data, then without any bytes."""
        if case.startswith(png.SIGNATURE):
            yield from _fewer_chunks(png.parsed(case), png.assembled)
        elif case.startswith(b"RIFF"):
            yield from _fewer_chunks(webp.parsed(case), webp.assembled)
        else:
            yield from _fewer_chunks(jpeg.parsed(case), jpeg.assembled)
        yield from mutations.fewer(case)

    def written(self, case: bytes) -> bytes:
        return case


def _fewer_chunks(chunks, assembled) -> Iterator[bytes]:
    size = len(chunks)
    while size := size // 2:
        for start in range(0, len(chunks), size):
            yield assembled(chunks[:start] + chunks[start + size :])
