"""What a client can do to a download, over real sockets: until it has the last byte, nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace

import pytest

from deployments.edge import delivery, edge, result
from deployments.edge.result import why_not_there
from deployments.storage.storage import open_storage
from tests.unit.deployments.conftest import assert_is_problem
from tests.unit.deployments.edge.clients import PATIENCE_S, SETTINGS
from tests.unit.deployments.test_store import finished

pytestmark = pytest.mark.anyio


async def ended(store, job_id: str) -> dict:
    """The job's status when nobody is downloading it any more."""
    async with asyncio.timeout(PATIENCE_S):
        while (document := await store.status(job_id)).get("result") == "downloading":
            await asyncio.sleep(0.01)
    return document


async def test_a_complete_download_consumes_the_result_at_once(client, store):
    data = os.urandom(5 << 20)
    job_id = await finished(store, data)
    answer = await client.get(f"/api/v1/download/{job_id}")
    assert (answer.status_code, answer.content) == (200, data)
    assert "x-upscaler-grant" not in answer.headers
    assert answer.headers["content-length"] == str(len(data))
    assert (await ended(store, job_id))["result"] == "downloaded"
    async with asyncio.timeout(PATIENCE_S):
        while await store.storage.folders():
            await asyncio.sleep(0.01)
    again = await client.get(f"/api/v1/download/{job_id}")
    assert (again.status_code, again.json()["code"]) == (410, "already_downloaded")


@pytest.mark.parametrize("size_bytes", [122_000, 5_000_000])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9])
async def test_a_download_that_is_reset_can_be_repeated(connect, client, store, size_bytes, share):
    data = os.urandom(size_bytes)
    job_id = await finished(store, data)
    raw = connect()
    await raw.get(f"/api/v1/download/{job_id}")
    if share:
        await raw.head()
        await raw.read(int(share * size_bytes))
    raw.reset()
    if not share:  # the request may never have been seen
        await asyncio.sleep(0.1)
    assert (await ended(store, job_id))["result"] == "available"
    answer = await client.get(f"/api/v1/download/{job_id}")
    assert answer.content == data
    assert (await ended(store, job_id))["result"] == "downloaded"


async def test_a_client_that_hangs_up_after_the_last_byte_has_it(connect, store):
    data = os.urandom(300_000)
    job_id = await finished(store, data)
    raw = connect()
    await raw.get(f"/api/v1/download/{job_id}", "Connection: close")
    await raw.head()
    assert await raw.read(len(data)) == data
    raw.close()
    assert (await ended(store, job_id))["result"] == "downloaded"


async def test_a_client_that_closes_in_the_midst_has_not(connect, store):
    job_id = await finished(store, os.urandom(5_000_000))
    raw = connect()
    await raw.get(f"/api/v1/download/{job_id}")
    await raw.head()
    await raw.read(100_000)
    raw.close()
    assert (await ended(store, job_id))["result"] == "available"


async def test_a_reader_that_stalls_loses_its_lease(monkeypatch, connect, store):
    monkeypatch.setattr(delivery, "STALL_S", 0.2)
    for size_bytes in (60_000, 20_000_000):  # in the kernel's buffers altogether; far more than they hold
        job_id = await finished(store, os.urandom(size_bytes))
        raw = connect()
        await raw.get(f"/api/v1/download/{job_id}")
        await raw.head()
        assert (await ended(store, job_id))["result"] == "available"


async def test_fifty_at_once_get_one_body(client, store, edge_store):
    edge_store.settings = replace(edge_store.settings, max_downloads=100)
    job_id = await finished(store, b"x" * 1_000_000)
    answers = await asyncio.gather(*(client.get(f"/api/v1/download/{job_id}") for _ in range(50)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 409, 410}


async def test_keep_leaves_the_result(client, store):
    job_id = await finished(store, b"result")
    for _ in range(2):
        assert (await client.get(f"/api/v1/download/{job_id}?keep=1")).content == b"result"
        assert (await ended(store, job_id))["result"] == "available"
    assert (await client.get(f"/api/v1/download/{job_id}")).content == b"result"
    assert (await ended(store, job_id))["result"] == "downloaded"


async def test_more_downloads_than_allowed_are_refused(connect, client, store):
    readers = []
    for _ in range(SETTINGS.max_downloads):
        job_id = await finished(store, os.urandom(20_000_000))
        readers.append(connect())
        await readers[-1].get(f"/api/v1/download/{job_id}")
        await readers[-1].head()
    one_more = await client.get(f"/api/v1/download/{await finished(store, b'result')}")
    assert (one_more.status_code, one_more.json()["code"]) == (503, "too_many_downloads")
    assert one_more.headers["retry-after"]
    assert_is_problem(one_more)


async def test_a_result_that_is_gone_is_told_so(client, store):
    job_id = await finished(store, b"result")
    await store.storage.delete_file(job_id, "result.1")
    answer = await client.get(f"/api/v1/download/{job_id}")
    assert (answer.status_code, answer.json()["code"]) == (500, "result_lost")
    assert_is_problem(answer)
    assert (await ended(store, job_id))["error_code"] == "result_lost"


async def test_the_cap_holds_also_for_those_who_come_at_once(connect, store):
    jobs = [await finished(store, os.urandom(8_000_000)) for _ in range(2 * SETTINGS.max_downloads)]
    readers = [connect() for _ in jobs]
    await asyncio.gather(*(raw.get(f"/api/v1/download/{job_id}") for raw, job_id in zip(readers, jobs, strict=True)))
    heads = await asyncio.gather(*(raw.head() for raw in readers))
    assert sorted(head[9:12] for head in heads) == [b"200"] * SETTINGS.max_downloads + [b"503"] * SETTINGS.max_downloads


async def test_who_asks_for_nothing_keeps_nobody_from_downloading(connect, client, store):
    for _ in range(SETTINGS.max_downloads):
        await connect().get("/api/v1/download/1", "Content-Length: 9")  # and never sends them
    assert (await client.get(f"/api/v1/download/{await finished(store, b'result')}")).status_code == 200


async def test_an_edge_that_sees_another_storage_gives_nothing_out_and_loses_nothing(
    client, store, edge_store, monkeypatch, tmp_path
):
    monkeypatch.setattr(edge, "LOOK_AGAIN_S", 0.0)
    job_id, right = await finished(store, b"result"), edge_store.settings
    edge_store.settings = replace(right, storage_url=str(tmp_path / "elsewhere"))
    answer = await client.get(f"/api/v1/download/{job_id}")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert (await ended(store, job_id))["result"] == "available"


async def test_bytes_that_are_missing_are_asked_about(store, storage, tmp_path, monkeypatch):
    monkeypatch.setattr(result, "LOOK_AGAIN_S", 0.0)
    job_id = await finished(store, b"result")
    assert await why_not_there(open_storage(str(tmp_path / "elsewhere")), store, job_id) == "unavailable"
    assert await why_not_there(storage, store, job_id) == "result_lost"
    await store.delete(job_id)
    assert await why_not_there(storage, store, job_id) == "deleted"


def test_a_handover_may_say_more_than_an_older_edge_knows():
    handover = delivery.Handover("1", 2, "result.1", 3, "00", keep=False)
    told = json.loads(handover.to_header()) | {"of_a_later_version": 1}
    assert delivery.Handover.from_header(json.dumps(told)) == handover
