"""Strangers' files through the real decoder, each in a child of its own, and what becomes of the child."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from deployments.decoder.decoder import Decoder
from deployments.decoder.wire import Bounds, Seen
from deployments.ingress.admission import PICTURE_CODES
from upscaler.errors import PictureError
from upscaler.pictures.picture import Limits, Picture

MAX_CPU_S, MAX_WALL_S = 5.0, 45.0
"""A file hangs beyond one of these. Processor time counts, since the machine may have other things to do; a child
that waits for ever uses none."""

BOUNDS = Bounds(Limits(), 4)
DECODER_LOG = logging.getLogger("deployments.decoder.decoder")

Outcome = Literal["picture", "refused", "limit", "crash", "unlisted"]


@dataclass(frozen=True, slots=True)
class Look:
    """What came of a file. `detail`: the code of the refusal, how the child died, or which error it was."""

    outcome: Outcome
    detail: str
    cpu_s: float
    wall_s: float
    seen: Seen | None = None

    @property
    def hangs(self) -> bool:
        return self.cpu_s > MAX_CPU_S or self.wall_s > MAX_WALL_S

    @property
    def is_fine(self) -> bool:
        """A child may die of a limit: then the limit has done what it is for."""
        return not self.hangs and self.outcome in ("picture", "refused", "limit")


class Looker:
    """One decoder that does one thing at a time, so that a death in it is of the file at hand.

    `wants_all`: the pixels and the metadata are brought over, too, as for a job.
    """

    def __init__(self, *, wants_all: bool = False) -> None:
        self._decoder = Decoder(max_running=1)
        self._wants_all = wants_all
        self._logged = _Logged()
        DECODER_LOG.addHandler(self._logged)

    def start(self) -> None:
        self._decoder.start()

    def close(self) -> None:
        DECODER_LOG.removeHandler(self._logged)
        self._decoder.close()

    async def look(self, file: IO[bytes], bounds: Bounds = BOUNDS) -> Look:
        """Decode a file, throw the pixels away, and say what came of it. Raises nothing."""
        died, used, started = self._decoder.num_died, self._used_s(), time.monotonic()
        self._logged.last = ""
        outcome: Outcome
        seen = None
        try:
            seen = await self._decoded(file, bounds)
            outcome, detail = "picture", seen.format
        except PictureError as error:
            outcome, detail = "refused", PICTURE_CODES[type(error)]
            if self._decoder.num_died > died:
                outcome, detail = ("crash", self._logged.last) if self._logged.last else ("limit", str(error))
            elif self._logged.last:  # a child that says what cannot be
                outcome, detail = "unlisted", self._logged.last
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
            outcome, detail = "unlisted", f"{type(error).__name__}: {error}"
        return Look(outcome, detail, self._used_s() - used, time.monotonic() - started, seen)

    async def _decoded(self, file: IO[bytes], bounds: Bounds) -> Seen:
        if not self._wants_all:
            return await self._decoder.look(file, bounds)
        picture = await self._decoder.decode(file, bounds, keeps_metadata=True)
        _check(picture)
        passes = 2 if picture.needs_two_passes else 1
        alpha = picture.alpha is not None
        return Seen(picture.format, picture.width, picture.height, picture.bit_depth, alpha, passes)

    def _used_s(self) -> float:
        """Processor time of all children that have ended."""
        zygote = self._decoder._zygote
        if zygote is None or not (stat := Path(f"/proc/{zygote.pid}/stat")).exists():
            return 0.0
        after_name = stat.read_text().rpartition(")")[2].split()
        return sum(map(int, after_name[13:15])) / os.sysconf("SC_CLK_TCK")


def _check(picture: Picture) -> None:
    """Raises AssertionError for a picture that contradicts itself."""
    assert picture.pixels.shape == (picture.height, picture.width, 3)
    if picture.alpha is not None:
        assert picture.alpha.shape == picture.pixels.shape[:2]
        assert picture.alpha.dtype == picture.pixels.dtype


class _Logged(logging.Handler):
    """The decoder tells its log, not its client, how a child died."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()
