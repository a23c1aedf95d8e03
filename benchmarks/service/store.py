"""What the job store can take: the real actor, called over Ray, on a real directory that is fsynced."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.service.load import Figures, machine_load
from benchmarks.service.processes import cpu_s
from deployments.jobs.messages import Acceptance, Report, Store
from deployments.jobs.record import Order, Result, new_job_id

ORDER = Order("realesr-animevideov3", 4, "png", 64, 64, 8000, "png", "picture", 0.5)
RESULT = Result("result.1", 1000, "0" * 64)
PAUSE_S = 0.005
Nothing = Callable[[], Awaitable[Any]]


class Idle:
    """An actor that does nothing."""

    async def nothing(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Options:
    seconds: float = 10.0
    callers: int = 32
    live: int = 10_000
    live_seconds: float = 75.0
    """Long enough for sweeps, which come every two seconds, and for the tidying of files once a minute."""
    live_callers: int = 4


async def measure(store: Store, nothing: Nothing, options: Options) -> dict[str, Any]:
    """Against a store that has no jobs yet. `nothing` calls an actor that does nothing: what a call costs on this
    machine, with what else runs there."""
    load_before = machine_load()
    least = await _many(nothing, options.callers, options.seconds)
    holders = itertools.cycle(f"holder {number}" for number in range(options.callers))
    whole = await _many(lambda: _whole_life(store, next(holders)), options.callers, options.seconds)
    submitted = await _many(lambda: _submit(store), options.callers, options.seconds)
    depth = await store.depth()
    while (missing := options.live - depth.queued) > 0:
        await asyncio.gather(*(_submit(store) for _ in range(min(missing, options.callers))))
        depth = await store.depth()
    return {
        "load_before": load_before,
        "nothing": least.summary(),
        "submit": submitted.summary(),
        "submit_to_nothing": round(submitted.per_s / least.per_s, 3),
        "submit_to_downloaded": whole.summary(),
        "live_jobs": depth.queued + depth.running,
        "with_live_jobs": await _with_live_jobs(store, nothing, options),
        "load_after": machine_load(),
    }


_accepted: list[str] = []


async def _submit(store: Store) -> str:
    accepted = await store.submit(job_id := new_job_id(), ORDER)
    if not isinstance(accepted, Acceptance):
        raise RuntimeError(f"not accepted: {accepted}")  # noqa: TRY004 - no mistake in the program
    _accepted.append(job_id)
    return job_id


async def _whole_life(store: Store, holder: str) -> None:
    """All that the store hears of a job, from its order to the end of its download; pictures alone are missing."""
    await _submit(store)
    while (grant := await store.lease(holder, 0.0, 1.0)) is None:
        pass
    await store.report({grant.job_id: Report(grant.fence, 50)})
    await store.complete(grant.job_id, grant.fence, RESULT)
    leased: Any = await store.lease_download(grant.job_id)
    await store.end_download(grant.job_id, leased.lease_id, "delivered")


async def _with_live_jobs(store: Store, nothing: Nothing, options: Options) -> dict[str, dict[str, float]]:
    """How long each call takes, a mix of them from a few callers that rest between them."""
    found: dict[str, Figures] = {}
    until = time.perf_counter() + options.live_seconds

    async def timed(name: str, call: Awaitable[Any]) -> Any:
        asked_at = time.perf_counter()
        answer = await call
        found.setdefault(name, Figures(options.live_seconds)).latencies_ms.append(
            (time.perf_counter() - asked_at) * 1000
        )
        await asyncio.sleep(PAUSE_S)
        return answer

    async def caller(number: int) -> None:
        while time.perf_counter() < until:
            await timed("nothing", nothing())
            await timed("status", store.status(random.choice(_accepted)))  # noqa: S311
            await timed("statuses_64", store.statuses([(job_id, None) for job_id in random.sample(_accepted, 64)]))
            grant = await timed("lease", store.lease(f"holder {number}", 0.0, 1.0))
            await timed("report", store.report({grant.job_id: Report(grant.fence, 5)}))
            await timed("release", store.release(grant.job_id, grant.fence))
            await timed("submit", _submit(store))
            await timed("delete", store.delete(_accepted.pop()))

    await asyncio.gather(*map(caller, range(options.live_callers)))
    of_the_store = [figures for name, figures in found.items() if name != "nothing"]
    every = Figures(options.live_seconds, [each for figures in of_the_store for each in figures.latencies_ms])
    return {name: figures.summary() for name, figures in {"of_the_store": every, **found}.items()}


async def _many(call: Callable[[], Awaitable[Any]], callers: int, seconds: float) -> Figures:
    """As many as can be in so many seconds."""
    before, figures, started_at = cpu_s(), Figures(), time.perf_counter()

    async def one() -> None:
        while (asked_at := time.perf_counter()) < started_at + seconds:
            await call()
            figures.latencies_ms.append((time.perf_counter() - asked_at) * 1000)

    await asyncio.gather(*(one() for _ in range(callers)))
    figures.seconds = time.perf_counter() - started_at
    figures.cpu_s = {name: spent_s - before[name] for name, spent_s in cpu_s().items()}
    return figures
