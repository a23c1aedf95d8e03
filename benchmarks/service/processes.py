"""The processes of this benchmark's Ray, by a mark in their environment; and children of theirs without one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VARIABLE, MARK = "UPSCALER_BENCHMARK_RUN", secrets.token_hex(8)
"""In the environment before Ray is started."""

PAGE_BYTES, TICKS_PER_S = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
NAMES = {
    "ray::ProxyActor": "proxy",
    "ray::HAProxyManager": "proxy's manager",
    "ray::ServeController": "controller",
    "ray::ServeReplica:upscaler:Ingress": "ingress",
    "ray::ServeReplica:upscaler:Upscaler": "replica",
    "ray::ServeReplica:peer:Peer": "peer",
    "ray::JobStore": "store",
}


@dataclass(frozen=True, slots=True)
class Process:
    """As it was when looked at. `cpu_s` includes children that have been waited for."""

    pid: int
    parent: int
    command: str
    name: str
    rss_bytes: int
    descriptors: int
    cpu_s: float


def ours() -> dict[int, Process]:
    """All but this one."""
    found = {process.pid: process for process in _all()}
    marked = {pid for pid in found if _is_marked(pid)} - {os.getpid()}
    for pid, process in found.items():
        if process.parent in marked and pid not in marked:
            marked.add(pid)
    return {pid: _named(found[pid], found) for pid in marked if found[pid].command}  # none: it has ended just now


def cpu_s() -> Counter[str]:
    """By the processes' names. A child counts with its parent when it has ended."""
    spent: Counter[str] = Counter()
    for process in ours().values():
        spent[process.name] += process.cpu_s  # type: ignore[assignment]
    return spent


def _named(process: Process, found: dict[int, Process]) -> Process:
    name = next((name for title, name in NAMES.items() if process.command.startswith(title)), "")
    if not name and (parent := found.get(process.parent)) is not None and not process.command.startswith("ray::"):
        of = next((name for title, name in NAMES.items() if parent.command.startswith(title)), "")
        name = f"decoder of {of}" if of in ("ingress", "replica", "peer") else ""
    return Process(
        process.pid, process.parent, process.command, name or _file_name(process.command),
        process.rss_bytes, process.descriptors, process.cpu_s,
    )  # fmt: skip


def _file_name(command: str) -> str:
    """Of an actor, its class: while it works, Ray adds the method."""
    name = Path(command.split(" ", maxsplit=1)[0]).name
    return name.partition(".")[0] if name.startswith("ray::") else name


def _is_marked(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return f"{VARIABLE}={MARK}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    return False


def _all() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):  # it has just ended
                yield _read(entry)


def _read(entry: Path) -> Process:
    after_name = (entry / "stat").read_text().rsplit(")", 1)[1].split()
    return Process(
        int(entry.name),
        int(after_name[1]),
        (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"),
        "",
        int(after_name[21]) * PAGE_BYTES,
        len(list((entry / "fd").iterdir())),
        sum(map(int, after_name[11:15])) / TICKS_PER_S,
    )
