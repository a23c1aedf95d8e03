"""The store's periodic task: what time alone must bring about."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable
from functools import partial
from typing import Protocol

from deployments.jobs.audit import UPLOAD_DEADLINE_S, is_named
from deployments.jobs.job import Job
from deployments.jobs.ledger import Ledger
from deployments.jobs.measures import Measures
from deployments.jobs.record import ResultState
from deployments.jobs.table import JobTable
from deployments.storage.storage import Folder, JobStorage

log = logging.getLogger(__name__)

SWEEP_S = 2.0
TIDY_S = 60.0
AT_A_TIME = 100
STOPPED_S = 60.0
"""A sweep in which no step has ended for so long will never go on."""

PAUSE_S = 3.0


class Swept(Protocol):
    """What the sweep needs of the store: it decides nothing and writes nothing itself."""

    table: JobTable
    trouble: str | None

    @property
    def storage(self) -> JobStorage: ...

    async def check_ownership(self) -> None: ...


class Sweeper:
    """Evicts, requeues, forgets, and tidies up, every SWEEP_S seconds. Outlives its own errors."""

    def __init__(self, store: Swept, ledger: Ledger, measures: Measures) -> None:
        self._store, self._ledger, self._measures = store, ledger, measures
        self._task: asyncio.Task[None] | None = None
        self._tidied_at = time.monotonic()
        self._moved_at = time.monotonic()

    @property
    def has_stopped(self) -> bool:
        """Whether it no longer does its work, which nobody else would notice."""
        ended = self._task is not None and self._task.done()
        return ended or time.monotonic() - self._moved_at > STOPPED_S

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._loop(), name="sweep")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _loop(self) -> None:
        while True:
            slept_at = time.monotonic()
            await asyncio.sleep(SWEEP_S)
            self._moved_at = time.monotonic()
            if self._moved_at - slept_at > SWEEP_S + PAUSE_S:
                log.warning("the job store did not run for a while; nobody has fallen silent but itself")
                self._store.table.renew_leases()
            try:
                await self._store.check_ownership()
                if self._store.trouble is None:
                    await self.sweep()
            except Exception:  # an error must not end the sweep: it is what keeps the promise
                log.exception("a sweep failed; the next one tries again")

    async def sweep(self) -> None:
        """One round. Every step may be repeated safely."""
        table, began_at = self._store.table, time.perf_counter()
        for job_id in table.silent():
            await self._alone(self._requeue(job_id))
        for job_id in table.all_that(Job.has_waited_out):
            await self._alone(self._ledger.conclude(job_id, partial(table.waited_out, job_id)))
        for job_id in table.evictable():
            await self._alone(self._ledger.discard_result(job_id, ResultState.EXPIRED))
        for job_id in table.forgettable():
            await self._alone(self._ledger.forget(job_id))
        for job_id in list(self._ledger.unclear):
            await self._alone(self._ledger.clear_again(job_id))
        if time.monotonic() - self._tidied_at > TIDY_S:
            await self._alone(self.tidy())
            self._tidied_at = time.monotonic()
        self._measures.look(time.perf_counter() - began_at)

    async def _requeue(self, job_id: str) -> None:
        if await self._ledger.conclude(job_id, partial(self._store.table.overdue, job_id)):
            log.warning("job %s: its holder fell silent", job_id)

    async def _alone(self, step: Awaitable[object]) -> None:
        """What fails for one job fails for it alone, and is tried again in the next round."""
        self._moved_at = time.monotonic()
        try:
            await step
        except Exception:  # as in the loop
            log.exception("a step of the sweep failed")

    async def tidy(self) -> None:
        """Remove files that no record names: of dead attempts, and of uploads that never became jobs. Then look at what
        there is, as one who trusts nobody to have removed anything."""
        await self._alone(self._store.storage.delete_stale_staging(UPLOAD_DEADLINE_S))
        for number, (job_id, folder) in enumerate((await self._store.storage.folders()).items()):
            if not self._is_in_order(job_id, folder):
                await self._alone(self._tidy_folder(job_id, folder))
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)  # others have their turn: there may be thousands
        self._measures.found(await self._store.storage.all_files())

    def _is_in_order(self, job_id: str, folder: Folder) -> bool:
        """Whether a job has a right to all that its folder holds, as nearly every one has."""
        job = self._store.table.find(job_id)
        return job is not None and job.record.has_bytes and all(is_named(job.record, name) for name in folder.names)

    async def _tidy_folder(self, job_id: str, folder: Folder) -> None:
        job = self._store.table.find(job_id)
        if job is not None and not job.record.has_bytes:
            await self._store.storage.delete_folder(job_id)
        elif job is not None:
            for name in folder.names:
                await self._remove_stray(job_id, name)
        elif "job.json" in folder.names:
            log.debug("job %s: a record that we cannot read is for the operator to look at", job_id)
        elif time.time() - folder.modified_at > UPLOAD_DEADLINE_S:
            await self._store.storage.delete_folder(job_id)

    async def _remove_stray(self, job_id: str, name: str) -> None:
        job = self._store.table.find(job_id)  # as it is now, not as it was when the folder was listed
        if job is not None and not is_named(job.record, name):
            await self._store.storage.delete_file(job_id, name)
