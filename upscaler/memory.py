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


def _read_int(path: Path) -> int | None:
    try:
        return int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _available_bytes() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in fields else None


def _cgroup_free_bytes() -> int | None:
    """What the container's own limit leaves (cgroup v2, then v1); None without a limit."""
    for limit, used in (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")):
        limit_bytes, used_bytes = _read_int(CGROUP / limit), _read_int(CGROUP / used)
        if limit_bytes is not None and used_bytes is not None:
            return max(0, limit_bytes - used_bytes)
    return None


def cpu_memory_budget(engines_on_host: int) -> int:
    """Bytes that a pass of one of `engines_on_host` engines may plan with on the processor."""
    known = [free for free in (_available_bytes(), _cgroup_free_bytes()) if free is not None]
    return int(SHARE * (min(known) if known else FALLBACK_BYTES)) // max(1, engines_on_host)


def _cgroup_cpus() -> float | None:
    try:
        quota, period = (CGROUP / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def cpu_threads(engines_on_host: int) -> int:
    """Threads for one engine: the processors we may run on, within the quota, shared out."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_cpus()
    usable = min(allowed, int(quota)) if quota and quota >= 1 else 1 if quota else allowed
    return max(1, usable // max(1, engines_on_host))
