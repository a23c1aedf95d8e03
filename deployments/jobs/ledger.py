"""Ledger: writes decisions down before they are so. What concerns one job happens in turn."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from deployments.errors import StorageError
from deployments.jobs.measures import Measures
from deployments.jobs.record import JobRecord, ResultState, State
from deployments.jobs.table import JobTable
from deployments.jobs.turns import Turns
from deployments.storage.storage import JobStorage

log = logging.getLogger(__name__)


class Ledger:
    """Storage first, then the table, then whoever wants to know: `on_written` is called with each record."""

    def __init__(
        self, storage: JobStorage, table: JobTable, measures: Measures, on_written: Callable[[JobRecord], None]
    ) -> None:
        self._storage, self._table = storage, table
        self._measures, self._on_written = measures, on_written
        self._turns = Turns()
        self.is_closed = False
        self.unclear: set[str] = set()
        """Jobs with bytes that should be gone and could not be removed."""

    async def write(self, record: JobRecord, holder: str | None = None) -> None:
        """Make a record the truth; `holder` is who got the job. Raises StorageError.

        A record without bytes lives on as a tombstone.
        """
        if self.is_closed:
            raise StorageError("the job store is closed")
        if record.has_bytes:
            await self._storage.put_record(record.job_id, record.to_json())
        else:
            await self._storage.put_tombstone(record.job_id, record.to_json())
        known = self._table.find(record.job_id)
        before = None if known is None else known.record
        self._table.commit(record, holder)
        self._measures.wrote(before, record)
        if news := record.news_since(before):
            log.info("job %s is %s", record.job_id, news)
        self._on_written(record)

    async def write_new(self, record: JobRecord) -> None:
        """Write down a job that nobody knows yet. Raises StorageError."""
        async with self._turns.of(record.job_id):
            await self.write(record)

    async def settled(self, job_id: str) -> None:
        """Return when what is being written of a job has been written."""
        async with self._turns.of(job_id):
            pass

    async def write_grant(self, record: JobRecord, holder: str) -> bool:
        """Write down that `holder` has the job, then let it be so. False when the job has changed since it
        was claimed. Raises StorageError."""
        async with self._turns.of(record.job_id):
            job = self._table.find(record.job_id)
            if job is None or job.record.state is not State.QUEUED or job.record.attempt != record.attempt - 1:
                return False
            await self.write(record, holder)
        return True

    async def conclude(self, job_id: str, decide: Callable[[], JobRecord | None]) -> bool:
        """Carry out one decision on one job: write, commit, clear away. False when it was refused."""
        if self._table.find(job_id) is None:
            return False
        async with self._turns.of(job_id):
            record = decide() if self._table.find(job_id) else None
            if record is None:
                return False
            await self.write(record)
            if record.is_terminal:
                await self._clear(record)
        return True

    async def clear_again(self, job_id: str) -> None:
        """Try once more to remove what could not be removed. What is forgotten meanwhile the sweep's tidying finds."""
        if job := self._table.find(job_id):
            await self._clear(job.record)
        else:
            self.unclear.discard(job_id)

    async def discard_result(self, job_id: str, why: ResultState) -> None:
        """Note that a result is gone, then make it so."""
        decide = partial(self._table.result_gone, job_id, why)
        try:
            await self.conclude(job_id, decide)
        except StorageError:  # a full disk takes no note: the bytes themselves make room for it
            job = self._table.find(job_id)
            if job is None or job.record.result is None:
                raise
            await self._storage.delete_file(job_id, job.record.result.name)
            await self.conclude(job_id, decide)

    async def forget(self, job_id: str) -> None:
        """Remove the last trace of a job."""
        async with self._turns.of(job_id):
            await self._storage.delete_tombstone(job_id)
            self._table.forget(job_id)

    async def _clear(self, record: JobRecord) -> None:
        """Remove the bytes that the record of an ended job no longer needs. What fails here the sweep does again."""
        try:
            if record.has_bytes:
                await self._storage.delete_file(record.job_id, "input")
            else:
                await self._storage.delete_folder(record.job_id)
        except StorageError:
            if record.job_id not in self.unclear:
                log.exception("job %s: its bytes could not be removed yet", record.job_id)
            self.unclear.add(record.job_id)
        else:
            self.unclear.discard(record.job_id)
            self._measures.removed(record)
