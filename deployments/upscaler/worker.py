"""Worker: the lease loop of a replica. Knows the store, the storage and the engine, but not Ray."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable

from deployments.decoder.decoder import Decoder
from deployments.errands import RETRY_S, insist
from deployments.errors import ConfigurationError, DecoderError, ServiceError
from deployments.jobs.messages import Grant, Report, Store
from deployments.jobs.queue import AHEAD_S
from deployments.metrics.meter import UNMETERED, Meter
from deployments.storage.proof import prove_same_storage
from deployments.storage.storage import JobStorage
from deployments.upscaler.codecs import Codecs
from deployments.upscaler.figures import EngineFigures
from deployments.upscaler.shelf import ModelShelf
from deployments.upscaler.work import InputMissingError, Work
from upscaler.engine import Engine
from upscaler.errors import CancelledError, ModelError, PictureError

log = logging.getLogger(__name__)

REPORT_S = 1.0
IDLE_POLL_S = 10.0
BUSY_POLL_S = 1.0
MAX_ON_HAND = 8
FINISH_S = 10.0
PROVE_S = 5.0
LEAVE_S = 2.0
MOST_DECODES = 5
"""Attempts of a job whose picture cannot be decoded here, although it was when it was accepted."""

MOST_REST_S, RELEASE_PATIENCE_S = 30.0, 600.0
"""How long a job is kept from being tried again where the storage fails, and how long the store is asked to
take it back: meanwhile its lease is kept alive, since a lease that runs out would look like a death."""


class Worker:
    """Leases jobs, runs them side by side, reports. `run` until `stop`."""

    def __init__(
        self,
        holder: str,
        store: Store,
        storage: JobStorage,
        engine: Engine,
        shelf: ModelShelf,
        meter: Meter = UNMETERED,
    ) -> None:
        self._holder, self._store, self._storage = holder, store, storage
        self._engine, self._shelf = engine, shelf
        self._meter = meter
        self._figures = EngineFigures(self._meter, engine, shelf)
        self.codecs, self._decoder = Codecs(), Decoder()
        self._on_hand: dict[str, tuple[Work, asyncio.Task[None]]] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Both loops, until `stop`. An error of the store is waited out; any other ends the worker."""
        self._decoder.start()
        reporting = asyncio.ensure_future(self._report_loop())
        try:
            while not self._stopping.is_set() and not reporting.done():
                await self._lease_next()
        finally:
            await self._finish()
            self.codecs.close()
            self._decoder.close()
            reporting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reporting

    def stop(self) -> None:
        """Lease nothing more; `run` returns once what is nearly done is done and the rest is released."""
        self._stopping.set()

    async def _lease_next(self) -> None:
        if len(self._on_hand) >= MAX_ON_HAND:
            tasks = [task for _, task in self._on_hand.values()]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=BUSY_POLL_S)
            return
        on_hand_s = sum(work.remaining_s for work, _ in self._on_hand.values())
        wait_s = IDLE_POLL_S if on_hand_s < AHEAD_S else BUSY_POLL_S
        try:
            grant = await self._unless_stopping(self._store.lease(self._holder, on_hand_s, wait_s))
        except ServiceError as error:
            log.warning("no lease: %s", error)
            await asyncio.sleep(RETRY_S)
            return
        if grant is not None:
            await self._begin(grant)

    async def _unless_stopping(self, leasing: Awaitable[Grant | None]) -> Grant | None:
        """Wait for a lease or for `stop`."""
        poll, stopped = asyncio.ensure_future(leasing), asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait([poll, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():
                await self._leave(poll)
            return await poll if poll.done() else None
        finally:
            poll.cancel()
            stopped.cancel()

    async def _leave(self, poll: asyncio.Future[Grant | None]) -> None:
        """Have the store end our wait, with a job or with none. Otherwise the next job would be given to us, who do
        not listen any more, and its client would wait until that lease has run out."""
        with contextlib.suppress(ServiceError):
            await self._store.leave(self._holder)
            await asyncio.wait([poll], timeout=LEAVE_S)

    async def _begin(self, grant: Grant) -> None:
        if grant.job_id in self._on_hand:  # we were taken for dead, and what we had is void
            self._on_hand[grant.job_id][0].cancel()
        work = Work(grant, self._meter)
        task = asyncio.ensure_future(self._run(work))
        self._on_hand[grant.job_id] = work, task
        task.add_done_callback(lambda _: self._put_down(work))
        await self._report()  # acknowledges the lease

    def _put_down(self, work: Work) -> None:
        """Forget a job that has ended, unless it has been leased anew meanwhile."""
        job_id = work.grant.job_id
        if job_id in self._on_hand and self._on_hand[job_id][0] is work:
            del self._on_hand[job_id]

    async def _run(self, work: Work) -> None:
        """One job to its end. It fails alone, whatever befell it."""
        job_id, fence = work.grant.job_id, work.grant.fence
        try:
            result = await work.run(self._storage, self._decoder, self._engine, self._shelf, self.codecs)
            published = await insist(lambda: self._store.complete(job_id, fence, result))
            if not published:
                await self._storage.delete_file(job_id, result.name)
        except Exception as error:  # noqa: BLE001 - the border: what a job meets ends that job alone, and is logged
            await self._end_unfinished(work, error)

    async def _end_unfinished(self, work: Work, error: Exception) -> None:
        """Fail what would fail again, give back what might not."""
        job_id = work.grant.job_id
        if isinstance(error, (PictureError, ModelError)):
            code = "invalid_image" if isinstance(error, PictureError) else "model_not_available"
            await self._fail(work, code, str(error))
            return
        log.log(
            logging.INFO if isinstance(error, CancelledError) else logging.ERROR,
            "job %s is not finished: %r", job_id, error, exc_info=error,
        )  # fmt: skip
        if isinstance(error, InputMissingError):
            await self._miss(work)
        elif isinstance(error, DecoderError) and work.grant.fence >= MOST_DECODES:
            await self._fail(work, "internal", "internal error")
        elif isinstance(error, (ServiceError, OSError)):
            await self._rest(work)
            await self._release(work)
        elif self._stopping.is_set():  # cancelled, or something was taken from under it
            await self._release(work)
        elif not isinstance(error, CancelledError):
            await self._fail(work, "internal", "internal error")

    async def _fail(self, work: Work, code: str, error: str) -> None:
        with contextlib.suppress(ServiceError):  # a lease that runs out says the same, later
            await insist(lambda: self._store.fail(work.grant.job_id, work.grant.fence, code, error))

    async def _miss(self, work: Work) -> None:
        """Fail a job whose input is gone. But if it is our storage that is gone, work no more: we would find
        every input missing."""
        try:
            await prove_same_storage(self._storage, self._store, PROVE_S)
        except ConfigurationError:
            log.critical("this replica no longer sees the storage of the job store; it works no more")
            self.stop()
            await self._release(work)
        except ServiceError:
            await self._rest(work)
            await self._release(work)
        else:
            await self._fail(work, "input_lost", "the image could not be read from storage")

    async def _rest(self, work: Work) -> None:
        """Wait before giving back a job that cannot be done just now: twice as long with each attempt."""
        work.resting = True
        rest_s = min(MOST_REST_S, RETRY_S * 2 ** (work.grant.fence - 1))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), rest_s)

    async def _release(self, work: Work) -> None:
        patience_s = 0.0 if self._stopping.is_set() else RELEASE_PATIENCE_S
        with contextlib.suppress(ServiceError):
            await insist(lambda: self._store.release(work.grant.job_id, work.grant.fence), patience_s)

    async def _report_loop(self) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            self._figures.tell()
            await self._report()

    async def _report(self) -> None:
        """Heartbeat for all jobs on hand; drops those that are no longer ours."""
        reports = {job_id: Report(work.grant.fence, work.progress) for job_id, (work, _) in self._on_hand.items()}
        if not reports:
            return
        try:
            dropped = await self._store.report(reports)
        except ServiceError as error:
            log.warning("no report: %s", error)
            return
        for job_id in dropped:
            if job_id in self._on_hand:
                self._on_hand[job_id][0].cancel()

    async def _finish(self) -> None:
        """Let end what FINISH_S suffices for, the shortest first; release the rest."""
        on_hand = sorted(self._on_hand.values(), key=lambda held: held[0].remaining_s)
        spent_s = 0.0
        for work, _ in on_hand:
            spent_s += work.remaining_s
            if spent_s > FINISH_S:
                work.cancel()
        if not on_hand:
            return
        _, late = await asyncio.wait([task for _, task in on_hand], timeout=FINISH_S)
        for work, task in on_hand:
            if task in late:
                task.cancel()
                await self._release(work)
