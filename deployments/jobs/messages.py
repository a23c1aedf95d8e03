"""What travels between the store and those who use it. Plain frozen values: they are pickled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from deployments.jobs.record import Idempotency, JobRecord, Order, Result
from deployments.logs import Format

RefusalCode = Literal[
    "job_not_found",
    "not_ready",
    "job_failed",
    "download_in_progress",
    "already_downloaded",
    "expired",
    "deleted",
    "result_lost",
    "queue_full",
    "draining",
    "idempotency_mismatch",
    "too_many_jobs",
    "too_many_bytes",
    "too_fast",
    "no_replica",
    "storage_full",
    "storage_unavailable",
]


ACTOR_NAME = "JobStore"
"""The name of the store's actor, unless the configuration gives it another."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, and what it may have: jobs in work, bytes in storage, submissions a minute. None: no limit."""

    name: str = ""
    max_jobs: int | None = None
    max_bytes: int | None = None
    per_minute: float | None = None


ANYBODY = Client()
"""Everybody, where there are no keys."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A "no" with its reason: a code of the HTTP contract."""

    code: RefusalCode
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A job that is on disk, when it is likely to be done, and until when its result will be kept at least."""

    record: JobRecord
    eta_s: int
    kept_until: float
    is_replay: bool = False
    """Whether its key had made it before, and nothing was done now."""


Document = dict[str, Any]
"""What is said of a job: the status document of the HTTP contract."""

Asked = tuple[str, str | None]
"""A job id, and who must own it."""

Submission = tuple[str, Order, Idempotency | None, Client]
"""What `submit` is told."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to run a job until `lease_s` pass without a report. `fence` signs every word on it."""

    job_id: str
    fence: int
    order: Order
    lease_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """A holder's word on a running job: which attempt, and how far (0…99)."""

    fence: int
    progress: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A result that can be had, and what it was made by."""

    result: Result
    order: Order


@dataclass(frozen=True, slots=True)
class DownloadGrant(Offer):
    """The right to stream a result once. `lease_id` signs every word on it."""

    job_id: str
    lease_id: int


@dataclass(frozen=True, slots=True)
class Depth:
    """How much work there is: jobs and estimated seconds, waiting and leased."""

    queued: int
    running: int
    seconds: float


Deletion = Literal["cancelled", "cancelling", "deleted"]
"""What a deletion did. A replica that computes a job hears within its next report that it is cancelled."""

DownloadOutcome = Literal["delivered", "kept", "aborted", "lost"]


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """What the edge has to know. It has no configuration of its own."""

    storage_url: str
    max_upload_bytes: int
    max_bodies_bytes: int
    max_downloads: int
    hosts: tuple[str, ...] = ("*",)
    origins: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    """The digest of each, and whose it is."""
    needs_key: bool = True
    """Whether those without a key are refused, where there are keys."""
    log_format: Format = "text"


class Store(Protocol):
    """The job store as its users see it: the actor's handle, or the store itself in a test.

    Every call may raise StoreUnavailableError. A job of another `owner` than the one named is not known; None
    names nobody, and knows all.
    """

    async def submit(
        self, job_id: str, order: Order, idempotency: Idempotency | None = None, client: Client = ANYBODY
    ) -> Acceptance | Refusal:
        """Accept a job whose input is in storage. The record is durable when this returns. A key that has
        made a job before gives that one again, and `job_id` is none."""

    async def why_not(self, client: Client, key: str | None = None) -> Refusal | None:
        """Why a submission of this client would be refused, whatever it is; None when one with this Idempotency-Key
        or any other may be accepted. Spares the work of reading a picture in vain, and promises nothing."""

    async def begin_upload(self, key: str) -> bool:
        """Reserve a key for an upload. False while another one has it."""

    async def end_upload(self, key: str) -> None:
        """The upload has ended, whatever became of it."""

    async def status(self, job_id: str, wait_s: float = 0.0, owner: str | None = None) -> dict[str, Any] | None:
        """The status document of the HTTP contract; None for a job that is not known. Waits up to
        `wait_s` for a job that has not ended, unless too many wait already."""

    async def statuses(self, asked: list[tuple[str, str | None]]) -> list[dict[str, Any] | None]:
        """The status documents of many jobs and their owners, in the same order."""

    async def delete(self, job_id: str, owner: str | None = None) -> Deletion | None:
        """End a job, or delete its result; repeating it changes nothing. None for a job that is not known."""

    async def offer(self, job_id: str, owner: str | None = None) -> Offer | Refusal:
        """What a download would give, without taking it."""

    async def lease_download(self, job_id: str, owner: str | None = None) -> DownloadGrant | Refusal:
        """Take the right to stream the result; of many callers one gets it."""

    async def extend_download(self, job_id: str, lease_id: int) -> bool:
        """The download still runs. False when the lease has run out."""

    async def end_download(self, job_id: str, lease_id: int, outcome: DownloadOutcome) -> None:
        """Delivered consumes the result; kept is as good, but leaves it; aborted returns the lease; lost means the
        bytes are gone."""

    async def lease(self, holder: str, on_hand_s: float, wait_s: float) -> Grant | None:
        """Wait up to `wait_s` for a job fit for a holder with `on_hand_s` seconds of work."""

    async def leave(self, holder: str) -> None:
        """End the wait of a holder for a lease: what it has been given comes back from there, or None."""

    async def report(self, reports: dict[str, Report]) -> list[str]:
        """Heartbeat: extends leases, notes progress, returns jobs that the holder must drop."""

    async def complete(self, job_id: str, fence: int, result: Result) -> bool:
        """Publish a result that is in storage. False when the fence is old: delete your file."""

    async def fail(self, job_id: str, fence: int, code: str, error: str) -> bool:
        """End a job that cannot succeed. False when the fence is old."""

    async def release(self, job_id: str, fence: int) -> bool:
        """Give a job back unfinished, so that another holder may take it at once."""

    async def depth(self) -> Depth:
        """How much work there is, for autoscaling."""

    async def proof(self) -> bytes:
        """What the file says by which the store owns its storage: see `storage/proof.py`."""

    async def why_not_ready(self) -> str | None:
        """One sentence on why a job that came now would not soon be done; None when it would."""

    async def drain(self, *, on: bool) -> Depth:
        """Take no more jobs, or take them again; how much work there is. Forgotten by a store that begins anew."""

    async def check_health(self) -> None:
        """Raises StoreUnavailableError when the sweep has stopped."""
