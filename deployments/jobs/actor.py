"""The detached actor around the JobStore, and how to come by it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from deployments.errands import Errands
from deployments.errors import ConfigurationError, ServiceError, StorageError, StoreUnavailableError
from deployments.jobs.messages import (
    Acceptance,
    Client,
    Deletion,
    Depth,
    DownloadGrant,
    DownloadOutcome,
    EdgeSettings,
    Grant,
    Offer,
    Refusal,
    Report,
    Submission,
)
from deployments.jobs.record import Result
from deployments.jobs.remote import NAMESPACE
from deployments.jobs.store import JobStore
from deployments.logs import to_stderr
from deployments.metrics.meter import RayMeter
from deployments.settings import Settings
from deployments.storage.storage import open_storage

log = logging.getLogger(__name__)

READY_S = 60.0
OWN_RETRY_S = 0.5
OWN_PATIENCE_S = 10.0
"""How long to try for a storage whose last owner is just being ended."""

LOOK_S = 5.0

MAX_CONCURRENT_CALLS = 2000
"""Every replica's long poll and every status request holds one."""


class JobStoreActor:
    """A shim: an async actor whose calls go straight to the store.

    Ray restarts it when its process dies, running the constructor again; recovery then happens
    here, before the first answer.
    """

    async def __init__(self, settings_json: str) -> None:  # type: ignore[misc]  # Ray awaits it
        os.umask(0o077)
        settings = Settings.model_validate_json(settings_json)
        to_stderr(settings.log_format)
        self._version = settings.store_version()
        self._store = JobStore(open_storage(settings.storage_url), settings.policy(), meter=RayMeter())
        self._edge_settings = settings.of_the_edge()
        self._trouble: str | None = None
        self._watching: asyncio.Task[None] | None = None
        self._errands = Errands()  # Ray cancels a call together with the request that made it
        try:
            await self._own()
        except StorageError as error:  # raised to whoever asks: a constructor's error would be retried for ever
            self._trouble = str(error)
            log.error("the job store cannot start: %s", error)  # noqa: TRY400
            self._watching = self._errands.start(self._start_later())
        else:
            self._watching = self._errands.start(self._end_when_stopped())

    async def _own(self) -> None:
        give_up_at = time.monotonic() + OWN_PATIENCE_S
        while True:
            try:
                await self._store.start()
            except StorageError:
                if time.monotonic() > give_up_at:
                    raise
                await asyncio.sleep(OWN_RETRY_S)
            else:
                return

    async def version(self) -> str:
        """The version it was created with. Raises StorageError when it does not own its storage."""
        if self._trouble:
            raise StorageError(self._trouble)
        return self._version

    async def edge_settings(self) -> EdgeSettings:
        return self._edge_settings

    async def close(self) -> None:
        """Stop sweeping and give the storage up."""
        if self._watching is not None:
            self._watching.cancel()
        await self._store.close()

    async def submit_all(self, submissions: list[Submission]) -> list[Acceptance | Refusal | Exception]:
        """Many submissions, each with its own end: they are written down together."""
        return await asyncio.gather(*(self._submitted(submission) for submission in submissions))

    async def _submitted(self, submission: Submission) -> Acceptance | Refusal | Exception:
        try:
            return await self._errands.whole(self._store.submit(*submission))
        except ServiceError as error:
            return error
        except Exception:  # the border: a bug ends this submission alone
            log.exception("job %s could not be submitted", submission[0])
            return StoreUnavailableError("the job store failed")

    async def why_not(self, client: Client, key: str | None = None) -> Refusal | None:
        return await self._store.why_not(client, key)

    async def begin_upload(self, key: str) -> bool:
        return await self._store.begin_upload(key)

    async def end_upload(self, key: str) -> None:
        await self._store.end_upload(key)

    async def status(self, job_id: str, wait_s: float = 0.0, owner: str | None = None) -> dict[str, Any] | None:
        return await self._store.status(job_id, wait_s, owner)

    async def statuses(self, asked: list[tuple[str, str | None]]) -> list[dict[str, Any] | None]:
        return await self._store.statuses(asked)

    async def delete(self, job_id: str, owner: str | None = None) -> Deletion | None:
        return await self._errands.whole(self._store.delete(job_id, owner))

    async def offer(self, job_id: str, owner: str | None = None) -> Offer | Refusal:
        return await self._store.offer(job_id, owner)

    async def lease_download(self, job_id: str, owner: str | None = None) -> DownloadGrant | Refusal:
        return await self._errands.whole(self._store.lease_download(job_id, owner))

    async def extend_download(self, job_id: str, lease_id: int) -> bool:
        return await self._errands.whole(self._store.extend_download(job_id, lease_id))

    async def end_download(self, job_id: str, lease_id: int, outcome: DownloadOutcome) -> None:
        await self._errands.whole(self._store.end_download(job_id, lease_id, outcome))

    async def lease(self, holder: str, on_hand_s: float, wait_s: float) -> Grant | None:
        return await self._store.lease(holder, on_hand_s, wait_s)

    async def leave(self, holder: str) -> None:
        await self._store.leave(holder)

    async def report(self, reports: dict[str, Report]) -> list[str]:
        return await self._errands.whole(self._store.report(reports))

    async def complete(self, job_id: str, fence: int, result: Result) -> bool:
        return await self._errands.whole(self._store.complete(job_id, fence, result))

    async def fail(self, job_id: str, fence: int, code: str, error: str) -> bool:
        return await self._errands.whole(self._store.fail(job_id, fence, code, error))

    async def release(self, job_id: str, fence: int) -> bool:
        return await self._errands.whole(self._store.release(job_id, fence))

    async def depth(self) -> Depth:
        return await self._store.depth()

    async def proof(self) -> bytes:
        return await self._store.proof()

    async def why_not_ready(self) -> str | None:
        return await self._store.why_not_ready()

    async def drain(self, on: bool) -> Depth:
        return await self._store.drain(on=on)

    async def check_health(self) -> None:
        await self._store.check_health()

    async def _start_later(self) -> None:
        """Go on trying: where the application has been shut down, nobody else would start to sweep."""
        while self._trouble:
            await asyncio.sleep(LOOK_S)
            with contextlib.suppress(StorageError):
                await self._store.start()
                self._trouble = None
        await self._end_when_stopped()

    async def _end_when_stopped(self) -> None:
        """End the process when the sweep has stopped: Ray starts it anew, and recovery puts all in order."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._store.check_health()
            except ServiceError as error:
                log.critical("the job store begins anew: %s", error)
                logging.shutdown()
                os._exit(os.EX_SOFTWARE)


def ensure_store(settings: Settings) -> None:
    """Make sure that the actor of these settings runs, ending one of another version first.

    Blocks up to READY_S. Raises ConfigurationError with the reason when it does not come up, such
    as a storage that another service owns.
    """
    deadline = time.monotonic() + READY_S
    while True:
        actor = _get_or_create(settings)
        try:
            if ray.get(actor.version.remote(), timeout=READY_S) == settings.store_version():
                return
            log.info("ending a job store of another version")
            ray.get(actor.close.remote(), timeout=READY_S)
            ray.kill(actor)
        except RayTaskError as error:
            ray.kill(actor)
            reason = error.cause if isinstance(error.cause, ServiceError) else error
            raise ConfigurationError(f"the job store cannot start: {reason}") from error
        except RayActorError:
            log.info("the job store was being replaced; looking again")
        if time.monotonic() > deadline:
            raise ConfigurationError("the job store did not come up in time")
        time.sleep(OWN_RETRY_S)


def _get_or_create(settings: Settings) -> Any:
    options = {
        "name": settings.store_name,
        "namespace": NAMESPACE,
        "lifetime": "detached",
        "get_if_exists": True,
        "num_cpus": 0,
        "max_restarts": -1,
        "max_concurrency": MAX_CONCURRENT_CALLS,
        "enable_task_events": False,  # Ray's head would keep a hundred thousand of the last calls in memory
    }
    return ray.remote(JobStoreActor).options(**options).remote(settings.model_dump_json())
