"""The whole way, from an upload to the last byte of its result, at a part of what is possible, for a while.

What the service keeps must not grow with what it has done. So its processes are looked at, and the files and folders
in storage: under load again and again, and at rest before and after, when no connection is open and no job is on its
way. Records are forgotten after seconds here, where a service keeps them for a quarter of an hour, so that as many go
as come.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.environment import drawing
from benchmarks.overhead import as_png
from benchmarks.service.load import Connection, get, machine_load, post
from benchmarks.service.processes import ours
from benchmarks.service.running import FAST
from deployments.settings import LimitSettings, ModelSettings, Settings, UpscalerSettings

KEPT_S = 5.0
LOOK_S, REST_S = 2.0, 10.0
"""How often one looks, and how long after the last job what was kept of it must be gone."""

MEMORY_FLAT, DESCRIPTORS_FLAT = 0.05, 3
"""What growth is noise: a share of a process's memory, a few descriptors."""

MIB, LEAST_MIB = 1 << 20, 4
FOLDERS = ("jobs", "tombstones", "staging")


@dataclass(frozen=True, slots=True)
class Options:
    seconds: float = 120.0
    share: float = 0.7
    warm_up_s: float = 30.0
    connections: int = 4
    side: int = 64


def settings(storage: Path) -> Settings:
    return Settings(
        storage_url=str(storage),
        tombstone_ttl_s=KEPT_S,
        models=ModelSettings(default=FAST),
        limits=LimitSettings(max_queued=1_000),
        upscaler=UpscalerSettings(device="cpu"),
    )


async def measure(port: int, storage: Path, options: Options) -> dict[str, Any]:
    """Against our service on `port`, which has nothing else to do."""
    picture = post("/api/v1/upscale", as_png(drawing(options.side, options.side)))
    load_before = machine_load()
    most_per_s = await _rate(lambda line: _walk(line, picture), port, options.connections, options.warm_up_s)
    walker = _Steadily(port, picture, options.share * most_per_s)
    before = await _at_rest(storage)
    looks = _Looks(storage)
    looking = asyncio.ensure_future(looks.run())
    walked = await walker.run(options.seconds)
    looking.cancel()
    return {
        "load_before": load_before,
        "most_per_s": round(most_per_s, 2),
        "asked_per_s": round(options.share * most_per_s, 2),
        "walks": walked,
        "seconds": options.seconds,
        "under_load": looks.summary(),
        "at_rest": _compared(before, await _at_rest(storage)),
        "load_after": machine_load(),
    }


async def _walk(line: Connection, picture: bytes) -> None:
    """Submit, wait, download."""
    submitted = await line.ask(picture)
    if submitted.status != 202:
        raise RuntimeError(f"not accepted: {submitted}")
    job_id = submitted.document["job_id"]
    while (document := (await line.ask(get(f"/api/v1/status/{job_id}?wait=30"))).document)["status"] == "processing":
        pass
    result = await line.ask(get(document["download_url"]))
    if len(result.body) != document["file_size_bytes"]:
        raise RuntimeError(f"not all of a result has come: {result.status}")


async def _rate(walk: Callable[[Connection], Awaitable[None]], port: int, connections: int, seconds: float) -> float:
    """How many walks there are in a second when one follows the other on each connection."""
    lines = [await Connection.to(port) for _ in range(connections)]
    walks, started_at = itertools.count(), time.perf_counter()

    async def one(line: Connection) -> None:
        while time.perf_counter() < started_at + seconds:
            await walk(line)
            next(walks)

    await asyncio.gather(*map(one, lines))
    for line in lines:
        line.close()
    return next(walks) / (time.perf_counter() - started_at)


class _Steadily:
    """So many walks a second, whether those before have ended or not; connections are used again."""

    def __init__(self, port: int, picture: bytes, per_s: float) -> None:
        self._port, self._picture, self._per_s = port, picture, per_s
        self._idle: list[Connection] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self, seconds: float) -> int:
        """How many there were."""
        started_at = time.perf_counter()
        for number in range(int(seconds * self._per_s)):
            await asyncio.sleep(max(0.0, started_at + number / self._per_s - time.perf_counter()))
            task = asyncio.create_task(self._one())
            self._under_way.add(task)
        await asyncio.gather(*self._under_way)
        for line in self._idle:
            line.close()
        return len(self._under_way)

    async def _one(self) -> None:
        line = self._idle.pop() if self._idle else await Connection.to(self._port)
        await _walk(line, self._picture)
        self._idle.append(line)


Counts = dict[str, dict[str, float]]
"""By process, or storage, and by what was counted."""


class _Looks:
    """What there was each time one looked."""

    def __init__(self, storage: Path) -> None:
        self._storage = storage
        self._found: list[Counts] = []

    async def run(self) -> None:
        while True:
            self._found.append(await asyncio.to_thread(_look, self._storage))
            await asyncio.sleep(LOOK_S)

    def summary(self) -> dict[str, Any]:
        """Medians of the first and the last third."""
        third = max(1, len(self._found) // 3)
        return _compared(_median(self._found[:third]), _median(self._found[-third:]))


async def _at_rest(storage: Path) -> Counts:
    await asyncio.sleep(REST_S)
    return await asyncio.to_thread(_look, storage)


def _look(storage: Path) -> Counts:
    found: Counts = defaultdict(lambda: {"rss_mib": 0.0, "descriptors": 0.0})
    for process in ours().values():
        found[process.name]["rss_mib"] += process.rss_bytes / MIB
        found[process.name]["descriptors"] += process.descriptors
    folders = {name: storage / name for name in FOLDERS}
    counted = {name: float(len(list(path.iterdir())) if path.is_dir() else 0) for name, path in folders.items()}
    return {**found, "storage": counted}


def _median(looks: list[Counts]) -> Counts:
    return {
        name: {what: statistics.median(look[name][what] for look in looks if name in look) for what in row}
        for name, row in looks[-1].items()
    }


def _compared(before: Counts, after: Counts) -> dict[str, Any]:
    """Each as it was and as it is, and what has grown by more than noise."""
    rows = {
        name: {what: [round(before.get(name, {}).get(what, 0.0), 1), round(value, 1)] for what, value in row.items()}
        for name, row in sorted(after.items())
    }
    grown = [f"{name}: {what}" for name, row in rows.items() for what, pair in row.items() if not _is_flat(what, *pair)]
    return {"found": rows, "grown": grown}


def _is_flat(what: str, before: float, after: float) -> bool:
    if what == "rss_mib":
        return after - before <= max(LEAST_MIB, MEMORY_FLAT * before)
    return after - before <= DESCRIPTORS_FLAT
