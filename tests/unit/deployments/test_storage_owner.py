"""Who owns a storage: a lock for a directory, a number in an object store."""

from __future__ import annotations

import asyncio

import pytest
from obstore.store import MemoryStore

from deployments.errors import StorageError
from deployments.storage.owner import Epoch, FileLock
from deployments.storage.storage import JobStorage

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "s3"])
def objects(request):
    """The stores that have no lock. moto's server honours If-None-Match: * and If-Match, as Amazon's does."""
    storage = request.getfixturevalue("s3_storage") if request.param == "s3" else JobStorage(MemoryStore(), None)
    return storage.objects


class Overtaken(Epoch):
    """Looks; and before it writes, another takes the storage."""

    def __init__(self, objects, other: Epoch) -> None:
        super().__init__(objects)
        self._other = other

    async def _read(self) -> tuple[int, str | None]:
        seen = await super()._read()
        await self._other.take()
        return seen


async def owns(epoch: Epoch) -> bool:
    try:
        await epoch.check()
    except StorageError:
        return False
    return True


async def test_in_an_object_store_the_last_to_come_owns_it(objects):
    first, second = Epoch(objects), Epoch(objects)
    await first.take()
    await first.check()
    await second.take()
    await second.check()
    with pytest.raises(StorageError, match="in use"):
        await first.check()
    await first.take()
    assert (await owns(first), await owns(second)) == (True, False)


@pytest.mark.parametrize("lives_before", [0, 1], ids=["if-none-match", "if-match"])
async def test_who_is_overtaken_between_look_and_write_does_not_own_it(objects, lives_before):
    for _ in range(lives_before):
        await Epoch(objects).take()
    winner = Epoch(objects)
    loser = Overtaken(objects, winner)
    with pytest.raises(StorageError, match="in use"):
        await loser.take()
    assert await owns(winner)


@pytest.mark.parametrize("lives_before", [0, 1], ids=["if-none-match", "if-match"])
async def test_of_many_at_once_exactly_one_owns_it(objects, lives_before):
    for _ in range(lives_before):
        await Epoch(objects).take()
    epochs = [Epoch(objects) for _ in range(8)]
    taken = await asyncio.gather(*(epoch.take() for epoch in epochs), return_exceptions=True)
    assert all(result is None or isinstance(result, StorageError) for result in taken)
    won = [epoch for epoch, result in zip(epochs, taken, strict=True) if result is None]
    assert sum([await owns(epoch) for epoch in won]) == 1


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
