"""What only Linux has. Elsewhere nothing happens: memory has no limit, and a child outlives a zygote that is killed."""

from __future__ import annotations

import ctypes
import resource
import signal
from pathlib import Path

STATM = Path("/proc/self/statm")
PR_SET_PDEATHSIG, PR_SET_THP_DISABLE = 1, 41
PRCTL = getattr(ctypes.CDLL(None), "prctl", None)
"""Found here: a child that looks for it has to copy a hundred pages of memory first."""

KILL = int(signal.SIGKILL)


def addresses() -> int | None:
    """How many bytes of them this process has. None where the kernel does not tell."""
    return int(STATM.read_text().split()[0]) * resource.getpagesize() if STATM.exists() else None


def die_with_parent() -> None:
    """See prctl(2)."""
    if PRCTL is not None:
        PRCTL(PR_SET_PDEATHSIG, KILL)


def use_huge_pages(*, yes: bool) -> None:
    """Whether memory comes in pages of 2 MiB, where malloc asks for such. A child inherits the answer."""
    if PRCTL is not None:
        PRCTL(PR_SET_THP_DISABLE, not yes, 0, 0, 0)
