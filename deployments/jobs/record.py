"""JobRecord: what the store keeps of a job, on disk as `job.json`."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

FIRST_ID, PAST_ID = 10**18, 2**63
"""Job ids have 19 digits, fit a signed 64-bit integer, and cannot be guessed."""

FORMAT_VERSION = 1

INCOMPRESSIBLE, RECORDS_BYTES = 1.01, 64 << 10
"""How much longer than its pixels a file may be, and room for the job's records."""


def new_job_id() -> str:
    return str(FIRST_ID + secrets.randbelow(PAST_ID - FIRST_ID))


class State(StrEnum):
    """Where a job stands. COMPLETED and FAILED are terminal: nothing leaves them."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class ResultState(StrEnum):
    """What became of a completed job's bytes. All but AVAILABLE are final."""

    AVAILABLE = "available"
    DOWNLOADED = "downloaded"
    EXPIRED = "expired"
    DELETED = "deleted"
    LOST = "lost"


TRANSITIONS: dict[State | None, frozenset[State]] = {
    None: frozenset({State.QUEUED}),
    State.QUEUED: frozenset({State.RUNNING, State.FAILED}),
    State.RUNNING: frozenset({State.RUNNING, State.QUEUED, State.COMPLETED, State.FAILED}),
    State.COMPLETED: frozenset({State.COMPLETED}),
    State.FAILED: frozenset(),
}
"""Every change of state there is. RUNNING to RUNNING notes progress; COMPLETED to COMPLETED, what
became of the result."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the client asked for, and what admission found the input to be."""

    model: str
    scale: int
    input_format: str
    input_width: int
    input_height: int
    input_bytes: int
    output_format: str
    filename: str
    estimated_s: float
    quality: int = 95
    flattens_alpha: bool = False
    keeps_metadata: bool = False
    input_bit_depth: int = 8

    @property
    def reduces_depth(self) -> bool:
        """Whether the result has fewer bits a channel than the input, since its format has no more."""
        return self.input_bit_depth > 8 and self.output_format != "png"

    @property
    def most_result_bytes(self) -> int:
        """What the result may need at most: its pixels hardly compressed, and the input's metadata."""
        channels = 3 if self.output_format == "jpeg" else 4
        sample_bytes = 1 if self.reduces_depth else self.input_bit_depth // 8
        pixels = self.input_width * self.input_height * self.scale**2
        return int(pixels * channels * sample_bytes * INCOMPRESSIBLE) + self.input_bytes + RECORDS_BYTES


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Digests of a client's key and of what it was used for."""

    key: str
    payload: str


@dataclass(frozen=True, slots=True)
class Result:
    """The published result file and what is true of its bytes."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job, whole. Times ending in `_at` are wall-clock seconds since the epoch.

    `attempt` is also the fence: the word of a holder of an earlier attempt is void. `deaths` and
    `releases` say how attempts ended that did not end the job; `suspect`, that a holder has died with it,
    perhaps by it. `progress` is a mark above all that
    was shown while it ran. `queued_at` is when it came back into the queue, None when it never did.
    """

    job_id: str
    order: Order
    created_at: float
    state: State = State.QUEUED
    attempt: int = 0
    deaths: int = 0
    releases: int = 0
    suspect: bool = False
    progress: int = 0
    queued_at: float | None = None
    leased_at: float | None = None
    finished_at: float | None = None
    result: Result | None = None
    result_state: ResultState | None = None
    gone_at: float | None = None
    error: str | None = None
    error_code: str | None = None
    idempotency: Idempotency | None = None
    owner: str = ""

    @property
    def is_terminal(self) -> bool:
        return self.state in (State.COMPLETED, State.FAILED)

    @property
    def has_bytes(self) -> bool:
        """Whether storage holds a picture for this job: an input to work on or a result to fetch."""
        return not self.is_terminal or self.result_state is ResultState.AVAILABLE

    @property
    def duration_s(self) -> float:
        """From the grant of the attempt that finished it to its end."""
        if self.finished_at is None or self.leased_at is None:
            return 0.0
        return max(0.0, self.finished_at - self.leased_at)

    def news_since(self, before: JobRecord | None) -> str | None:
        """In a few words, what has become of the job; None when it has only got further on, or is new."""
        if before is None:
            return None
        if self.result_state is not before.result_state and self.result_state is not ResultState.AVAILABLE:
            return f"gone: {self.result_state}"
        if self.state is before.state:
            return None
        return {
            State.QUEUED: "queued again",
            State.RUNNING: f"leased, attempt {self.attempt}",
            State.COMPLETED: "completed",
            State.FAILED: f"failed: {self.error_code}",
        }[self.state]

    def to_json(self) -> bytes:
        fields = _STORED.dump_python(self)  # in a third of the time that `asdict` takes
        return json.dumps({"format_version": FORMAT_VERSION, **fields}, separators=(",", ":")).encode()

    @staticmethod
    def from_json(data: bytes) -> JobRecord:
        """Raises ValueError on anything that `to_json` has not written: storage is a border."""
        fields: Any = json.loads(data)
        if not isinstance(fields, dict) or fields.pop("format_version", None) != FORMAT_VERSION:
            raise ValueError("not a job record of this version")
        return _STORED.validate_python(fields)


_STORED = TypeAdapter(JobRecord)


def evolve(record: JobRecord, **changes: Any) -> JobRecord:
    """The record with `changes`; raises ValueError when the transition table has no such step."""
    after = replace(record, **changes)
    if after.state not in TRANSITIONS[record.state]:
        raise ValueError(f"job {record.job_id}: no transition from {record.state} to {after.state}")
    return after
