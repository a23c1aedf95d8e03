"""The same promises over every back end, and what only a local directory can show."""

from __future__ import annotations

import io
import os
import stat

import pytest

from deployments.errors import StorageError
from deployments.storage.owner import Epoch, FileLock
from deployments.storage.storage import open_storage

pytestmark = pytest.mark.anyio


async def read(storage, job_id: str, name: str) -> bytes:
    _, chunks = await storage.stream_result(job_id, name)
    return b"".join([chunk async for chunk in chunks])


async def test_bytes_come_back_as_they_went_in(storage):
    data = os.urandom(6 << 20)
    await storage.put_input("1", io.BytesIO(data))
    assert await storage.get_input("1") == data
    name = await storage.put_result("1", 3, io.BytesIO(data[::-1]))
    assert name == "result.3"
    size_bytes, _ = await storage.stream_result("1", name)
    assert size_bytes == len(data)
    assert await read(storage, "1", name) == data[::-1]


async def test_what_is_not_there_is_file_not_found(storage):
    with pytest.raises(FileNotFoundError):
        await storage.get_input("404")
    with pytest.raises(FileNotFoundError):
        await storage.stream_result("404", "result.1")
    await storage.delete_file("404", "input")
    await storage.delete_folder("404")


async def test_records_are_listed_and_a_tombstone_comes_last(storage):
    await storage.put_record("1", b"old")
    await storage.put_record("2", b"two")
    await storage.put_tombstone("1", b"new")
    assert dict([entry async for entry in storage.records()]) == {"1": b"new", "2": b"two"}
    await storage.delete_tombstone("1")
    assert dict([entry async for entry in storage.records()]) == {"1": b"old", "2": b"two"}


async def test_a_deleted_folder_is_gone(storage):
    await storage.put_input("1", io.BytesIO(b"x"))
    await storage.put_record("1", b"{}")
    assert set(await storage.folders()) == {"1"}
    assert sorted(await storage.files("1")) == ["input", "job.json"]
    await storage.delete_folder("1")
    assert await storage.folders() == {}
    if storage.root is not None:
        assert not (storage.root / "jobs" / "1").exists()


async def test_a_local_file_is_for_its_owner_alone(tmp_path):
    before = os.umask(0o077)
    try:
        storage = open_storage(f"file://{tmp_path}/new")
        await storage.put_input("1", io.BytesIO(b"x"))
    finally:
        os.umask(before)
    for path in [tmp_path / "new", *(tmp_path / "new").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


async def test_a_directory_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        open_storage(str(tmp_path / "file" / "below"))
    with pytest.raises(StorageError):
        open_storage("nonsense://bucket")


async def test_a_directory_has_one_owner(tmp_path):
    first, second = FileLock(tmp_path / "owner.lock"), FileLock(tmp_path / "owner.lock")
    await first.take()
    with pytest.raises(StorageError, match="in use"):
        await second.take()
    first.release()
    await second.take()
    second.release()


async def test_a_lock_that_is_held_may_be_taken_again(tmp_path):
    lock = FileLock(tmp_path / "owner.lock")
    await lock.take()
    await lock.take()
    await lock.check()
    lock.release()


async def test_a_lock_whose_file_was_removed_is_taken_anew_or_lost(tmp_path):
    first, second = FileLock(tmp_path / "owner.lock"), FileLock(tmp_path / "owner.lock")
    await first.take()
    (tmp_path / "owner.lock").unlink()
    await first.check()
    with pytest.raises(StorageError, match="in use"):
        await second.take()
    (tmp_path / "owner.lock").unlink()
    await second.take()
    with pytest.raises(StorageError, match="in use"):
        await first.check()
    second.release()
    first.release()


async def test_in_an_object_store_the_last_to_come_owns_it(storage):
    first, second = Epoch(storage.objects), Epoch(storage.objects)
    if storage.root is not None:
        pytest.skip("a local directory has the kernel's lock")
    await first.take()
    await first.check()
    await second.take()
    await second.check()
    with pytest.raises(StorageError, match="in use"):
        await first.check()
