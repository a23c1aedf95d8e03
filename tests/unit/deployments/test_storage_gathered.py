"""Puts that come together are written together, and each hears only what befell its own file."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path

import pytest

from deployments.errors import StorageError
from deployments.storage.gathered import MAX_TOGETHER, GatheredPuts
from deployments.storage.local import Kernel
from deployments.storage.storage import JobStorage, open_storage

pytestmark = pytest.mark.anyio

PATIENCE_S = 20.0


class Gate:
    """A `put_all` that waits until it is let through, and remembers what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.is_open = threading.Event()

    def __call__(self, files):
        self.batches.append([path for path, _ in files])
        assert self.is_open.wait(PATIENCE_S)
        return [OSError(errno.ENOSPC, path) if data == b"no" else None for path, data in files]


async def all_of(puts) -> list[object]:
    return await asyncio.wait_for(asyncio.gather(*puts, return_exceptions=True), PATIENCE_S)


async def test_what_comes_while_others_are_written_goes_together_and_in_order():
    gate = Gate()
    gathered = GatheredPuts(gate)
    first = asyncio.ensure_future(gathered.put("first", b""))
    await asyncio.sleep(0)
    rest = [asyncio.ensure_future(gathered.put(str(n), b"")) for n in range(100)]
    while not gate.batches:
        await asyncio.sleep(0)
    gate.is_open.set()
    assert await all_of([first, *rest]) == [None] * 101
    assert sorted(path for batch in gate.batches for path in batch if path.isdecimal()) == sorted(map(str, range(100)))
    assert len(gate.batches) < 10
    assert max(map(len, gate.batches)) <= MAX_TOGETHER
    for batch in gate.batches:
        numbers = [int(path) for path in batch if path.isdecimal()]
        assert numbers == sorted(numbers)


async def test_the_last_of_several_puts_of_one_path_is_what_stays(tmp_path):
    storage = open_storage(str(tmp_path))
    first = asyncio.ensure_future(storage.put_record("1", b"a"))
    await asyncio.sleep(0)
    assert await all_of([first, *(storage.put_record("1", data) for data in (b"b", b"a", b"b", b"a"))]) == [None] * 5
    assert {job_id: data async for job_id, data in storage.records()} == {"1": b"a"}


async def test_one_fails_alone():
    gate = Gate()
    gate.is_open.set()
    gathered = GatheredPuts(gate)
    good, bad, other = await all_of([gathered.put("a", b"yes"), gathered.put("b", b"no"), gathered.put("c", b"yes")])
    assert (good, other) == (None, None)
    assert isinstance(bad, OSError)
    assert bad.errno == errno.ENOSPC


async def test_a_writer_that_breaks_leaves_nobody_waiting_and_the_next_is_served():
    calls = []

    def breaks_once(files):
        calls.append(len(files))
        if len(calls) == 1:
            raise RuntimeError("broken")
        return [None] * len(files)

    gathered = GatheredPuts(breaks_once)
    (broken,) = await all_of([gathered.put("a", b"")])
    assert isinstance(broken, RuntimeError)
    assert await all_of([gathered.put("b", b"")]) == [None]


async def test_who_is_cancelled_holds_up_nobody():
    gate = Gate()
    gathered = GatheredPuts(gate)
    leaving = asyncio.ensure_future(gathered.put("a", b""))
    staying = asyncio.ensure_future(gathered.put("b", b""))
    while not gate.batches:
        await asyncio.sleep(0)
    leaving.cancel()
    gate.is_open.set()
    left, stayed = await all_of([leaving, staying])
    assert isinstance(left, asyncio.CancelledError)
    assert stayed is None


class Spoiling(Kernel):
    """Fails for files of one content."""

    def write(self, descriptor: int, data: memoryview) -> int:
        if bytes(data) == b"no":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(descriptor, data)


async def test_many_records_at_once_are_all_there_but_the_one_that_failed(tmp_path):
    opened = open_storage(str(tmp_path))
    storage = JobStorage(opened.objects, opened.root, Spoiling())
    told = await all_of([storage.put_record(str(n), b"no" if n == 50 else b"%d" % n) for n in range(200)])
    assert [n for n, error in enumerate(told) if error] == [50]
    assert isinstance(told[50], StorageError)
    assert {job_id: data async for job_id, data in storage.records()} == {
        str(n): b"%d" % n for n in range(200) if n != 50
    }
    assert list((tmp_path / "staging").iterdir()) == []


async def test_a_folder_that_cannot_be_synced_is_told_to_those_below_it(tmp_path):
    class Folderless(Kernel):
        def fsync(self, descriptor: int) -> None:
            if Path(f"/proc/self/fd/{descriptor}").readlink().match("jobs/1"):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            super().fsync(descriptor)

    opened = open_storage(str(tmp_path))
    storage = JobStorage(opened.objects, opened.root, Folderless())
    told = await all_of([storage.put_record(str(n), b"{}") for n in range(3)])
    assert [type(error) for error in told] == [type(None), StorageError, type(None)]
