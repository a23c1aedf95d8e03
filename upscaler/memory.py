"""How much memory and how many threads one engine may take on this host.

Both are settled once at start: a result must not depend on who else is there later.
"""

from __future__ import annotations

import os
from pathlib import Path

SHARE = 0.25
"""Part of what is free that one pass plans with. The engine runs passes side by side up to twice
that; the other half is for decoded pictures, results and encoders."""

FALLBACK_BYTES = 2 << 30
CGROUP = Path("/sys/fs/cgroup")
CGROUP_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)
"""The limit, what is used, and the file and field with the page cache in it that the kernel gives back on demand:
after reading large files it would look as if nothing were free."""


def _read_int(path: Path) -> int | None:
    try:
        return int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _read_field(path: Path, name: str) -> int:
    try:
        fields = dict(line.split() for line in path.read_text().splitlines())
        return int(fields.get(name, 0))
    except (OSError, ValueError):
        return 0


def _available_bytes() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in fields else None


def _cgroup_free_bytes(cgroup: Path) -> int | None:
    """What the container's own limit leaves (cgroup v2, then v1); None without a limit."""
    for limit, used, stat, cache in CGROUP_FILES:
        limit_bytes, used_bytes = _read_int(cgroup / limit), _read_int(cgroup / used)
        if limit_bytes is not None and used_bytes is not None:
            return max(0, limit_bytes - used_bytes + _read_field(cgroup / stat, cache))
    return None


def cpu_memory_budget(engines_on_host: int, cgroup: Path = CGROUP) -> int:
    """Bytes that a pass of one of `engines_on_host` engines may plan with on the processor."""
    known = [free for free in (_available_bytes(), _cgroup_free_bytes(cgroup)) if free is not None]
    return int(SHARE * (min(known) if known else FALLBACK_BYTES)) // max(1, engines_on_host)


def _cgroup_cpus(cgroup: Path) -> float | None:
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def cpu_threads(engines_on_host: int, cgroup: Path = CGROUP) -> int:
    """Threads for one engine: the processors we may run on, within the quota, shared out."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_cpus(cgroup)
    usable = min(allowed, int(quota)) if quota and quota >= 1 else 1 if quota else allowed
    return max(1, usable // max(1, engines_on_host))
