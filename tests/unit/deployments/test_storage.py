"""The same promises over every back end, and what only a local directory can show."""

from __future__ import annotations

import io
import os
import shutil

import pytest
from obstore.store import MemoryStore

from deployments.errors import StorageError
from deployments.storage.owner import Epoch, ownership_of
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


async def test_a_directory_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        open_storage(str(tmp_path / "file" / "below"))
    with pytest.raises(StorageError):
        open_storage("nonsense://bucket")


async def test_a_result_of_20_mb_is_streamed_in_pieces(storage):
    data = os.urandom(20 << 20)
    name = await storage.put_result("1", 1, io.BytesIO(data))
    size_bytes, chunks = await storage.stream_result("1", name)
    pieces = [chunk async for chunk in chunks]
    assert size_bytes == len(data)
    assert b"".join(pieces) == data
    assert isinstance(storage.objects, MemoryStore) or max(map(len, pieces)) < 8 << 20


async def test_a_job_is_not_another_whose_id_begins_like_it(storage):
    await storage.put_record("1", b"one")
    await storage.put_record("11", b"eleven")
    assert await storage.files("1") == ["job.json"]
    await storage.delete_folder("1")
    assert set(await storage.folders()) == {"11"}


async def test_who_owns_a_storage_can_be_read(storage):
    with pytest.raises(FileNotFoundError):
        await storage.get_owner()
    ownership = ownership_of(storage)
    await ownership.take()
    assert await storage.get_owner() == ownership.proof
    first = ownership.proof
    ownership.release()
    await ownership.take()
    assert await storage.get_owner() == ownership.proof != first
    ownership.release()


async def test_only_jobs_are_listed_as_jobs(storage):
    await storage.put_record("1", b"{}")
    if storage.root is not None:
        (storage.root / "staging" / "left").write_bytes(b"half")
    else:
        await Epoch(storage.objects).take()
    assert set(await storage.folders()) == {"1"}
    assert [entry async for entry in storage.records()] == [("1", b"{}")]


async def test_a_local_directory_knows_how_much_is_free(storage):
    free_bytes = await storage.free_bytes()
    assert (free_bytes is None) == (storage.root is None)
    if storage.root is not None:
        assert free_bytes == pytest.approx(shutil.disk_usage(storage.root).free, rel=0.2)
