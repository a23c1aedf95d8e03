"""A decoder of each test's own, and how to see its children."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deployments.decoder.decoder import Decoder
from deployments.decoder.wire import Bounds
from upscaler.picture import Limits

BOUNDS = Bounds(Limits(), 4)
SLOW = b"\xff\xd8" + b"\xff" * (24 << 20)
"""A JPEG of 24 MiB of fill bytes, which Pillow passes over one by one."""


@pytest.fixture
async def decoder() -> AsyncIterator[Decoder]:
    decoder = Decoder()
    yield decoder
    decoder.close()


def children_of(decoder: Decoder) -> list[int]:
    if decoder._zygote is None:
        return []
    listed = Path(f"/proc/{decoder._zygote.pid}/task/{decoder._zygote.pid}/children").read_text()
    return [int(pid) for pid in listed.split()]


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


async def child_of(decoder: Decoder) -> int:
    """The child that runs, once there is one."""
    await until(lambda: children_of(decoder))
    return children_of(decoder)[0]
