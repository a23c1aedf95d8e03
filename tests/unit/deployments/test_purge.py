"""`upscale purge`: what is over goes, what is not stays, and a storage in use is left alone."""

from __future__ import annotations

import asyncio
import io
import time

import pytest
import yaml

from deployments.jobs.policy import Policy
from deployments.jobs.record import JobRecord, Result, ResultState, State
from deployments.jobs.store import JobStore
from deployments.storage.storage import JobStorage, open_storage
from tests.unit.deployments.conftest import ORDER
from upscaler.cli.main import main

TTL_S = 900.0


@pytest.fixture
def storage(tmp_path) -> JobStorage:
    return open_storage(str(tmp_path / "storage"))


@pytest.fixture
def config(tmp_path, storage) -> str:
    path = tmp_path / "config.yaml"
    application = {"import_path": "deployments.app:build_app", "args": {"storage_url": str(storage.root)}}
    path.write_text(yaml.safe_dump({"applications": [application]}))
    return str(path)


async def completed(storage: JobStorage, job_id: str, age_s: float) -> None:
    at = time.time() - age_s
    record = JobRecord(
        job_id,
        ORDER,
        created_at=at,
        state=State.COMPLETED,
        progress=100,
        finished_at=at,
        result=Result("result.1", 6, "00"),
        result_state=ResultState.AVAILABLE,
    )
    await storage.put_result(job_id, 1, io.BytesIO(b"result"))
    await storage.put_record(job_id, record.to_json())


def pictures(storage: JobStorage) -> list[str]:
    assert storage.root is not None
    return sorted(path.parent.name for path in storage.root.rglob("result.*"))


@pytest.mark.anyio
async def test_what_is_over_goes(storage, config, capsys):
    await completed(storage, "1", TTL_S + 10)
    await completed(storage, "2", TTL_S - 100)
    assert await asyncio.to_thread(main, ["purge", config]) == 0
    assert pictures(storage) == ["2"]
    assert capsys.readouterr().out == "2 records found, 2 left, 1 of them with a picture\n"
    assert await asyncio.to_thread(main, ["purge", "--all", config]) == 0
    assert [path for path in (storage.root / "jobs").rglob("*") if path.is_file()] == []
    assert [path for path in (storage.root / "tombstones").rglob("*") if path.is_file()] == []


@pytest.mark.anyio
@pytest.mark.parametrize("options", [[], ["--all"]])
async def test_a_storage_in_use_is_left_alone(storage, config, capsys, options):
    await completed(storage, "1", 10)
    store = JobStore(storage, Policy())
    await store.start()
    assert await asyncio.to_thread(main, ["purge", *options, config]) == 1
    assert "in use" in capsys.readouterr().err
    assert pictures(storage) == ["1"]
    await store.close()


@pytest.mark.parametrize("content", ["applications: []", "{", "a: 1"])
def test_a_configuration_of_something_else_is_told(tmp_path, content, capsys):
    path = tmp_path / "other.yaml"
    path.write_text(content)
    assert main(["purge", str(path)]) == 1
    assert capsys.readouterr().err.startswith("upscale purge: ")
    assert main(["purge", str(tmp_path / "none.yaml")]) == 1


def test_an_object_store_needs_a_word_that_nothing_runs(tmp_path, capsys):
    path = tmp_path / "s3.yaml"
    application = {"import_path": "deployments.app:build_app", "args": {"storage_url": "s3://bucket/jobs"}}
    path.write_text(yaml.safe_dump({"applications": [application]}))
    assert main(["purge", str(path)]) == 1
    assert "--offline" in capsys.readouterr().err
