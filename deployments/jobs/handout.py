"""HandOut: gives waiting jobs to waiting replicas, the emptiest first.

In one task of its own: two hand-outs at once would give one replica two jobs, and a caller that is
cancelled midway would take a job along that nobody has. What a turn grants is written down together.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol

from deployments.errors import StoreUnavailableError
from deployments.jobs.ledger import Ledger
from deployments.jobs.messages import Grant
from deployments.jobs.record import JobRecord
from deployments.jobs.table import JobTable
from deployments.jobs.waiters import Waiter, Waiters

log = logging.getLogger(__name__)


class Granting(Protocol):
    """What a hand-out needs of the store."""

    table: JobTable
    waiters: Waiters
    lease_s: float

    async def release(self, job_id: str, fence: int) -> bool: ...


class HandOut:
    """`start` it; `wake` it whenever a job or a replica has come to wait."""

    def __init__(self, store: Granting, ledger: Ledger) -> None:
        self._store, self._ledger = store, ledger
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def has_stopped(self) -> bool:
        """Whether nobody would get a job any more."""
        return self._task is not None and self._task.done()

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._loop(), name="hand-out")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def wake(self) -> None:
        self._news.set()

    async def _loop(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await asyncio.gather(*(self._grant(waiter, record) for waiter, record in self._matched()))

    def _matched(self) -> list[tuple[Waiter, JobRecord]]:
        """Replicas that wait, and the jobs claimed for them. One for each replica: whether another is fit for it
        depends on what it then has."""
        matched: dict[str, tuple[Waiter, JobRecord]] = {}
        for waiter in self._store.waiters.emptiest_first():
            if waiter.holder in matched or waiter.is_answered:
                continue
            if record := self._store.table.claim(waiter.holder, waiter.on_hand_s):
                waiter.take()
                matched[waiter.holder] = waiter, record
        return list(matched.values())

    async def _grant(self, waiter: Waiter, record: JobRecord) -> None:
        """Write down that a replica has a job, and let it have it, if it still waits."""
        try:
            is_granted = await self._ledger.write_grant(record, waiter.holder)
        except Exception:  # whatever it was, the job must not be lost between queue and holder
            log.exception("job %s could not be leased; it is the next again", record.job_id)
            self._store.table.unclaim(record.job_id)
            waiter.refuse(StoreUnavailableError("the storage failed"))
            self.wake()
            return
        if not is_granted:  # it has been cancelled meanwhile
            waiter.put_back()
            self.wake()
        elif self._store.waiters.has(waiter):
            waiter.grant(Grant(record.job_id, record.attempt, record.order, self._store.lease_s))
        else:  # it has hung up meanwhile
            await self._give_back(record)

    async def _give_back(self, record: JobRecord) -> None:
        try:
            await self._store.release(record.job_id, record.attempt)
        except Exception:  # its lease, never acknowledged, runs out in seconds
            log.exception("job %s could not be given back at once", record.job_id)
