"""A decoder of each test's own, and how to see its children."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import resource
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from PIL import Image

from deployments.decoder.child import CPU_S, CPU_S_PER_MPX
from deployments.decoder.decoder import Decoder
from deployments.decoder.wire import Bounds
from tests.pictures import encoded
from upscaler.pictures.jpeg import MAX_SCANS
from upscaler.pictures.picture import Limits

BOUNDS = Bounds(Limits(), 4)
FOR_25_MPX_S = CPU_S + math.ceil(25 * CPU_S_PER_MPX)


def slow_jpeg() -> bytes:
    """25 megapixels in a few kilobytes that take half a second or more: about as many scans as are let through."""
    data = encoded(Image.new("RGB", (5000, 5000)), "jpeg", progressive=True)
    at = data.rindex(b"\xff\xda")
    return data[:-2] + data[at:-2] * (MAX_SCANS - 20) + data[-2:]


SLOW = slow_jpeg()


@pytest.fixture
async def decoder() -> AsyncIterator[Decoder]:
    decoder = Decoder()
    yield decoder
    decoder.close()


def children_of(decoder: Decoder) -> list[int]:
    if decoder._zygote.pid is None:
        return []
    try:
        listed = Path(f"/proc/{decoder._zygote.pid}/task/{decoder._zygote.pid}/children").read_text()
    except OSError:  # it has died
        return []
    return [int(pid) for pid in listed.split()]


def read_of(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


def open_files(pid: object = "self") -> list[str]:
    """What the descriptors of a process stand for, but for those that come and go with event loops and threads."""
    found = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(str(fd.readlink()).split(":")[0])
    return sorted(found)


async def until(is_true: Callable[[], object], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not is_true():
            await asyncio.sleep(0.01)


async def stopped_child_of(decoder: Decoder) -> int:
    """The child that runs, once there is one and it knows its picture's size; it goes no further."""
    await until(lambda: FOR_25_MPX_S in map(seconds_allowed, children_of(decoder)))
    os.kill(pid := children_of(decoder)[0], signal.SIGSTOP)
    return pid


def seconds_allowed(pid: int) -> int:
    with contextlib.suppress(OSError):
        return resource.prlimit(pid, resource.RLIMIT_CPU)[0]
    return 0
