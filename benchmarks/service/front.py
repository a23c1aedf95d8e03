"""Uploads, statuses and downloads, each in turn with the peer's.

No job is computed meanwhile, by us no more than by the peer: the Upscaler asks for processors that no machine has. The
results to download lie in storage before the service starts.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.environment import drawing
from benchmarks.overhead import as_png
from benchmarks.planted import plant
from benchmarks.service.callback import PEER
from benchmarks.service.load import Figures, ask, get, machine_load, post
from benchmarks.service.running import FAST
from deployments.jobs.record import Order
from deployments.settings import LimitSettings, ModelSettings, Settings, UpscalerSettings

NOBODYS_CPUS = 10_000.0
RESULT_SIDE = 256
LEAST_MS = 0.05


@dataclass(frozen=True, slots=True)
class Options:
    connections: int = 8
    seconds: float = 5.0
    rounds: int = 5
    side: int = 256
    downloads: int = 100
    """A side's in a round."""


def settings(storage: Path) -> Settings:
    """Jobs are taken and wait, however many come."""
    return Settings(
        storage_url=str(storage),
        result_ttl_s=86_400,
        cold_start_limit_s=86_400,
        limits=LimitSettings(max_queued=1_000_000),
        models=ModelSettings(default=FAST),
        upscaler=UpscalerSettings(device="cpu", min_replicas=0, max_replicas=1, num_cpus=NOBODYS_CPUS),
    )


def plant_both(scratch: Path, options: Options) -> list[str]:
    """What both have to download, under the same ids. Before the service starts."""
    result, peers = as_png(drawing(RESULT_SIDE, RESULT_SIDE)), scratch / "peer"
    order = Order(FAST, 4, "png", RESULT_SIDE // 4, RESULT_SIDE // 4, 1000, "png", "planted", 1.0)
    number = options.rounds * options.downloads
    planted = [plant(scratch / "storage", order, result, time.time()) for _ in range(number)]
    peers.mkdir()
    for job_id in planted:
        (peers / job_id).write_bytes(result)
    return planted


def measure(port: int, options: Options, planted: list[str]) -> dict[str, Any]:
    """Against a Serve on `port` that has both. Medians over the rounds; `ratio` is ours to the peer's."""
    return {
        "options": {name: getattr(options, name) for name in options.__slots__},
        "load_before": machine_load(),
        **_uploads_and_statuses(port, options),
        "download": _compared(_downloads(port, options, planted)),
        "load_after": machine_load(),
    }


def _uploads_and_statuses(port: int, options: Options) -> dict[str, Any]:
    picture = as_png(drawing(options.side, options.side))
    uploads = {name: post(path, picture, scale="4") for name, path in PATHS.items()}
    for request in uploads.values():
        ask(port, itertools.repeat(request), options.connections, options.seconds / 4, 202)
    submitted: list[dict[str, Figures]] = []
    asked: list[dict[str, Figures]] = []
    for number in range(options.rounds):
        submitted.append(
            {
                name: ask(port, itertools.repeat(uploads[name]), options.connections, options.seconds, 202)
                for name in _in_turn(uploads, number)
            }
        )
        asked.append(_statuses(port, options, submitted[-1], number))
    return {
        "upload_bytes": len(picture),
        "submit": _compared(submitted),
        "submit_to_isolated": _compared([{"peer": each["isolated"], "ours": each["ours"]} for each in submitted]),
        "status": _compared(asked),
        "status_to_actors": _compared([{"peer": each["actor"], "ours": each["ours"]} for each in asked]),
    }


PATHS = {"peer": f"{PEER}/upscale", "isolated": f"{PEER}/upscale-isolated", "ours": "/api/v1/upscale"}


def _statuses(port: int, options: Options, submitted: dict[str, Figures], number: int) -> dict[str, Figures]:
    ids = {name: [answer.document["job_id"] for answer in found.answers] for name, found in submitted.items()}
    paths = {
        "peer": [f"{PEER}/status/{job_id}" for job_id in ids["peer"]],
        "actor": [f"{PEER}/status-of-actor/{job_id}" for job_id in ids["peer"]],
        "ours": [f"/api/v1/status/{job_id}" for job_id in ids["ours"]],
    }
    return {
        name: ask(port, _cycled(paths[name]), options.connections, options.seconds) for name in _in_turn(paths, number)
    }


def _downloads(port: int, options: Options, planted: list[str]) -> list[dict[str, Figures]]:
    """Each of them once."""
    rounds, prefixes = [], {"peer": f"{PEER}/download/", "ours": "/api/v1/download/"}
    for number in range(options.rounds):
        ids = planted[number * options.downloads : (number + 1) * options.downloads]
        rounds.append(
            {
                name: ask(port, (get(prefixes[name] + each) for each in ids), options.connections, 60.0)
                for name in _in_turn(prefixes, number)
            }
        )
    return rounds


def _cycled(paths: list[str]) -> Iterator[bytes]:
    return itertools.cycle([get(path) for path in paths])


def _in_turn(names: Any, number: int) -> list[str]:
    """Who went first goes last in the next round."""
    return list(names)[:: -1 if number % 2 else 1]


def _compared(rounds: list[dict[str, Figures]]) -> dict[str, Any]:
    def median(name: str, what: str) -> float:
        return round(statistics.median(each[name].summary().get(what, 0.0) for each in rounds), 2)

    def ratio(what: str) -> float:
        return round(
            statistics.median(
                each["ours"].summary().get(what, 0.0) / max(LEAST_MS, each["peer"].summary().get(what, 0.0))
                for each in rounds
            ),
            3,
        )

    def cpu_ms(name: str) -> dict[str, float]:
        spent: dict[str, float] = {}
        for each in rounds:
            for process, spent_s in each[name].cpu_s.items():
                spent[process] = spent.get(process, 0.0) + 1000 * spent_s
        requests = sum(len(each[name].latencies_ms) for each in rounds)
        by_most = sorted(spent.items(), key=lambda item: -item[1])
        return {process: round(ms / requests, 2) for process, ms in by_most if ms / requests >= LEAST_MS}

    figures = ("per_s", "p50_ms", "p99_ms", "cpu_ms")
    sides = {name: {what: median(name, what) for what in figures} for name in ("ours", "peer")}
    spent = {name: cpu_ms(name) for name in sides}
    return {**sides, "ratio": {what: ratio(what) for what in figures}, "cpu_ms_by_process": spent}
