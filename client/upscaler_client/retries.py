"""What is tried again, when, and for how long. Nothing here sleeps or sends."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from upscaler_client.errors import OutOfTimeError
from upscaler_client.exchange import Answer, Reply

FIRST_PAUSE_S, LONGEST_PAUSE_S, GROWTH = 0.3, 5.0, 2.0
LONGEST_ASKED_S = 60.0
"""A longer `Retry-After` is not obeyed: the next answer may know better."""

TOO_SLOW = 408
"""The network, not the service, was too slow for the body; it may stay so for long."""
PASSING_STATUSES = frozenset({TOO_SLOW, 429, 502, 503, 504})
PASSING_CODES = frozenset({"upload_in_progress", "download_in_progress"})
AWAY_CODES = frozenset({"", "unavailable", "storage_unavailable"})
SERVE_BEFORE_IT_KNOWS_ITS_ROUTES = b"/-/routes"
"""What Ray Serve's proxy says in a 404 of its own while the application is started."""


class Verdict(Enum):
    """What a reply means for its request."""

    GOOD = auto()
    FINAL = auto()
    AWAY = auto()
    """Nobody is there who could help: it is being restarted, or the network fails."""
    BUSY = auto()
    """The service is well, and asks to come again."""


def verdict_of(reply: Reply) -> Verdict:
    """A repeated submission has its Idempotency-Key, so all requests may be repeated."""
    if not isinstance(reply, Answer):
        return Verdict.AWAY
    if 200 <= reply.status < 300:
        return Verdict.GOOD
    if reply.status in PASSING_STATUSES:
        is_away = reply.status == TOO_SLOW or (reply.status >= 500 and reply.code in AWAY_CODES)
        return Verdict.AWAY if is_away else Verdict.BUSY
    if reply.status == 404 and SERVE_BEFORE_IT_KNOWS_ITS_ROUTES in reply.body:
        return Verdict.AWAY
    return Verdict.BUSY if reply.code in PASSING_CODES else Verdict.FINAL


@dataclass(frozen=True, slots=True)
class Manners:
    """How long a client insists, its clock, and its dice.

    `patience_s` is for a service that does not answer, `queueing_s` for one that asks to come again.
    """

    patience_s: float
    queueing_s: float
    clock: Callable[[], float] = time.monotonic
    dice: Callable[[], float] = random.random


class Patience:
    """How one request is tried again: with pauses that grow, and not for ever."""

    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self._away_since: float | None = None
        self._busy_since: float | None = None
        self._pause_s = FIRST_PAUSE_S

    def pause_s(self, reply: Reply) -> float | None:
        """Seconds until the next attempt; None when there should be none."""
        now = self._manners.clock()
        if verdict_of(reply) is Verdict.BUSY:
            self._away_since = None
            self._busy_since = now if self._busy_since is None else self._busy_since
            ends_at = self._busy_since + self._manners.queueing_s
        else:
            self._away_since = now if self._away_since is None else self._away_since
            ends_at = self._away_since + self._manners.patience_s
        pause_s = self._next_pause_s(asked_s(reply))
        return pause_s if now + pause_s <= ends_at else None

    def _next_pause_s(self, asked: float) -> float:
        """Not all clients of a service that is back should come in the same moment."""
        grown_s = self._pause_s * (0.5 + 0.5 * self._manners.dice())
        self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * GROWTH)
        return max(grown_s, asked * (1 + 0.1 * self._manners.dice()))


def asked_s(reply: Reply) -> float:
    """`Retry-After` in seconds, within bounds; its form as a date is not used by the service."""
    asked = reply.headers.get("retry-after", "") if isinstance(reply, Answer) else ""
    return min(float(asked), LONGEST_ASKED_S) if asked.isascii() and asked.isdecimal() else 0.0


class Deadline:
    """When a call must have ended, if ever."""

    def __init__(self, clock: Callable[[], float], timeout_s: float | None) -> None:
        self._clock, self._timeout_s = clock, timeout_s
        self._ends_at = None if timeout_s is None else clock() + timeout_s

    def left_s(self, most_s: float) -> float:
        """What is left, and `most_s` at most."""
        return most_s if self._ends_at is None else max(0.0, min(most_s, self._ends_at - self._clock()))

    def check(self, job_id: str | None = None, ahead_s: float = 0.0) -> None:
        """Raises OutOfTimeError when it is over, or will be before `ahead_s` have passed."""
        if self._ends_at is not None and self._clock() + ahead_s >= self._ends_at:
            raise OutOfTimeError(f"It was not done within {self._timeout_s:g} s.", job_id=job_id)
