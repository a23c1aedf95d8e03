"""A local directory: in which order it is written, and what a failure leaves behind."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.errors import StorageError
from deployments.jobs.policy import Policy
from deployments.jobs.store import JobStore
from deployments.jobs.sweep import UPLOAD_DEADLINE_S
from deployments.storage.local import Kernel
from deployments.storage.storage import JobStorage, open_storage

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]

Calls = list[tuple[str, str]]

MAKES_ROOT = [("mkdir", "new"), ("mkdir", "new/storage"), ("fsync", "."), ("fsync", "new")]
FIRST_PUT = [
    ("mkdir", "new/storage/staging"),
    ("write", "new/storage/staging/*"),
    ("fsync", "new/storage/staging/*"),
    ("mkdir", "new/storage/jobs"),
    ("mkdir", "new/storage/jobs/1"),
    ("replace", "new/storage/jobs/1/input"),
    ("fsync", "new/storage/jobs/1"),
    ("fsync", "new/storage/jobs"),
    ("fsync", "new/storage"),
]
SECOND_PUT = [
    ("write", "new/storage/staging/*"),
    ("fsync", "new/storage/staging/*"),
    ("replace", "new/storage/jobs/1/job.json"),
    ("fsync", "new/storage/jobs/1"),
    ("fsync", "new/storage/jobs"),
    ("fsync", "new/storage"),
]


def relative(calls: Calls, top: Path) -> Calls:
    """The calls below `top`, any staged file as `*`, and writes that follow each other as one."""
    told: Calls = []
    for call, path in calls:
        if not Path(path).is_relative_to(top):
            continue
        told.append((call, re.sub(r"staging/\w+$", "staging/*", str(Path(path).relative_to(top)))))
        if told[-2:] == [("write", told[-1][1])] * 2:
            told.pop()
    return told


class RecordingKernel(Kernel):
    """Does what is asked, and writes it down. `fails` with `error` when it is called by that name."""

    def __init__(self) -> None:
        self.calls: Calls = []
        self.fails, self.error = "", errno.ENOSPC
        self.max_write_bytes = 1 << 30
        self._paths: dict[int, Path] = {}

    def _note(self, call: str, path: Path) -> None:
        self.calls.append((call, str(path)))
        if call == self.fails:
            raise OSError(self.error, os.strerror(self.error))

    def open(self, path: Path, flags: int) -> int:
        descriptor = super().open(path, flags)
        self._paths[descriptor] = path
        return descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        written = super().write(descriptor, data[: self.max_write_bytes])
        self._note("write", self._paths[descriptor])
        return written

    def fsync(self, descriptor: int) -> None:
        self._note("fsync", self._paths[descriptor])
        super().fsync(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        self._note("replace", target)
        super().replace(source, target)

    def mkdir(self, path: Path) -> None:
        self._note("mkdir", path)
        super().mkdir(path)


@pytest.fixture
def kernel() -> RecordingKernel:
    return RecordingKernel()


@pytest.fixture
def storage(tmp_path, kernel) -> JobStorage:
    opened = open_storage(str(tmp_path / "new" / "storage"))
    return JobStorage(opened.objects, opened.root, kernel)


async def test_bytes_are_on_disk_before_their_name_is_and_the_name_before_we_say_so(storage, kernel, tmp_path):
    await storage.put_input("1", io.BytesIO(os.urandom(3 << 20)))
    assert relative(kernel.calls, tmp_path) == FIRST_PUT
    kernel.calls.clear()
    await storage.put_record("1", b"{}")
    assert relative(kernel.calls, tmp_path) == SECOND_PUT


WRITES = """
import asyncio, io, sys
from deployments.storage.storage import open_storage

async def write():
    storage = open_storage(sys.argv[1])
    await storage.put_input("1", io.BytesIO(bytes(3 << 20)))
    await storage.put_record("1", b"{}")

asyncio.run(write())
"""


def may_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not may_trace(), reason="strace is not installed, or may not trace")
def test_the_kernel_sees_the_same_order(tmp_path):
    log = tmp_path / "strace"
    traced = "trace=write,fsync,rename,renameat,renameat2,mkdir,mkdirat"
    command = [sys.executable, "-c", WRITES, str(tmp_path / "new" / "storage")]
    subprocess.run(["strace", "-f", "-y", "-e", traced, "-o", log, *command], cwd=ROOT, check=True, timeout=60)
    assert relative(traced_calls(log.read_text()), tmp_path) == MAKES_ROOT + FIRST_PUT + SECOND_PUT


def traced_calls(log: str) -> Calls:
    """The calls in the order in which they began: each put is made by one thread, which awaits each call."""
    calls: Calls = []
    for call, arguments in re.findall(r"^\d+ +(\w+)\((.*)$", log, re.MULTILINE):
        if call in ("write", "fsync"):
            calls += [(call, path) for path in re.findall(r"^\d+<(/[^>]*)>", arguments)]
        else:
            name = "mkdir" if call.startswith("mkdir") else "replace"
            calls.append((name, re.findall(r'"([^"]*)"', arguments)[-1]))
    return calls


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
async def test_a_write_that_fails_leaves_the_old_record_and_nothing_else(storage, kernel, call, error):
    await storage.put_record("1", b"old")
    kernel.fails, kernel.error = call, error
    with pytest.raises(StorageError, match=os.strerror(error)):
        await storage.put_record("1", b"new")
    assert dict([entry async for entry in storage.records()]) == {"1": b"old"}
    assert list((storage.root / "staging").iterdir()) == []


async def test_a_kernel_that_writes_less_than_asked_is_asked_again(storage, kernel):
    data = os.urandom(100_000)
    kernel.max_write_bytes = 999
    await storage.put_input("1", io.BytesIO(data))
    assert await storage.get_input("1") == data


async def test_a_folder_that_is_removed_under_our_feet_is_made_again(storage):
    class Sweeping(Kernel):
        left = 2

        def replace(self, source: Path, target: Path) -> None:
            if self.left:
                self.left -= 1
                shutil.rmtree(target.parent.parent)
            super().replace(source, target)

    await JobStorage(storage.objects, storage.root, Sweeping()).put_record("1", b"{}")
    assert await storage.files("1") == ["job.json"]


@pytest.mark.parametrize("umask", [0, 0o077])
async def test_a_file_is_for_its_owner_alone_whatever_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        storage = open_storage(f"file://{tmp_path}/new")
        await storage.put_input("1", io.BytesIO(b"x"))
    finally:
        os.umask(before)
    for path in [tmp_path / "new", *(tmp_path / "new").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


async def test_what_dead_writers_left_is_removed_and_what_is_being_written_stays(storage):
    await storage.put_record("1", b"{}")
    staging = storage.root / "staging"
    for name in ("left", "busy"):
        (staging / name).write_bytes(b"half a result")
    age(staging / "left")
    await storage.delete_stale_staging(UPLOAD_DEADLINE_S)
    assert [path.name for path in staging.iterdir()] == ["busy"]


async def test_the_store_removes_it_when_it_tidies_up(storage, clock):
    store = JobStore(storage, Policy(), clock)
    await store.start()
    await storage.put_tombstone("1", b"{}")
    (storage.root / "staging" / "left").write_bytes(b"half a result")
    age(storage.root / "staging" / "left")
    await store._sweeper.tidy()
    assert list((storage.root / "staging").iterdir()) == []
    await store.close()


async def test_a_new_storage_has_nothing_stale(storage):
    await storage.delete_stale_staging(0.0)


def age(path: Path) -> None:
    """Let a file have been written before the deadline."""
    written_at = path.stat().st_mtime - UPLOAD_DEADLINE_S - 1
    os.utime(path, (written_at, written_at))
