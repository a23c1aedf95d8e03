"""What does not belong into storage: it is told of, it blinds nobody, and nothing outside is touched."""

from __future__ import annotations

import os

import pytest

from deployments.jobs.policy import Policy
from deployments.jobs.record import new_job_id
from deployments.jobs.store import JobStore
from deployments.metrics import catalogue as figures
from tests.unit.deployments.test_measures import a_store, swept

pytestmark = pytest.mark.anyio


async def test_odd_things_in_storage_blind_nobody(meter, clock, root, tmp_path):
    store = await a_store(root, clock, meter)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "photo").write_bytes(b"not ours")
    picture = root / "jobs" / new_job_id() / "input"
    for folder in (picture.parent, root / "jobs" / new_job_id(), root / "staging", root / "tombstones"):
        folder.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(b"overdue")
    (root / "jobs" / "loop").symlink_to("loop")
    (root / "jobs" / "up").symlink_to("..")
    (picture.parent / "out").symlink_to(outside)
    (root / "staging" / "folder").mkdir()
    for odd in (root / "staging" / "folder" / "x", picture.parent / "input#1", root / "jobs" / "new\nline"):
        odd.write_bytes(b"?")
    (root / "staging" / "last").write_bytes(b"?")
    (root / "jobs" / os.fsdecode(b"\xff")).touch()
    for path in root.rglob("*"):
        os.utime(path, (0, 0), follow_symlinks=False)
    await store.tidy()
    await swept(store)
    assert not picture.parent.exists()
    assert (outside / "photo").read_bytes() == b"not ours"
    assert list((root / "staging").iterdir()) == []
    assert meter.shown(figures.OVERDUE_FILES) == 4  # loop, up, the two odd names: for the operator
    await store.close()
    again = JobStore(store.storage, Policy(), clock)
    await again.start()
    await again.close()
    await store.storage.delete_everything()
    assert (outside / "photo").exists()
    assert [path for path in (root / "jobs").rglob("*") if path.is_symlink() or not path.is_dir()] == []


async def test_an_unreadable_record_is_not_repeated_in_the_log(root, clock, meter, caplog):
    for data in (b'{"format_version": 1, "order": {"filename": "SECRET"}}', b"[" * 200_000):
        folder = root / "jobs" / new_job_id()
        folder.mkdir(parents=True)
        (folder / "job.json").write_bytes(data)
    store = await a_store(root, clock, meter)
    await store.close()
    assert meter.counted(figures.VIOLATIONS, promise="record_unreadable") == 2
    assert "SECRET" not in caplog.text
