"""The HTTP API over a store in this process: every answer that needs no replica."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from urllib.parse import unquote

import pytest
from PIL import Image

from deployments.jobs.record import Result
from tests.pictures import encoded, picture, png
from tests.unit.deployments.conftest import assert_is_problem

pytestmark = pytest.mark.anyio

GUIDE_ACCEPTED = {"success", "job_id", "status_url"}
GUIDE_STATUS = {"job_id", "status", "progress"}


async def finish(store, job_id: str, data: bytes) -> None:
    """Be the replica: lease the job and publish `data`."""
    grant = await store.lease("holder", 0.0, 1.0)
    assert grant.job_id == job_id
    name = await store.storage.put_result(job_id, grant.fence, io.BytesIO(data))
    await store.complete(job_id, grant.fence, Result(name, len(data), hashlib.sha256(data).hexdigest()))


async def test_the_three_calls_of_the_guide(client, store):
    answer = await client.post("/api/v1/upscale", files={"image": ("my cat.png", png(1))}, data={"scale": "2"})
    assert answer.status_code == 202
    body = answer.json()
    job_id = body["job_id"]
    assert {key: body[key] for key in GUIDE_ACCEPTED} == {
        "success": True,
        "job_id": job_id,
        "status_url": f"/api/v1/status/{job_id}",
    }
    assert body["eta_seconds"] >= 1
    assert body["expires_at"]
    assert answer.headers["location"] == body["status_url"]

    status = (await client.get(body["status_url"])).json()
    assert {key: status[key] for key in GUIDE_STATUS} == {"job_id": job_id, "status": "processing", "progress": 0}
    early = await client.get(f"/api/v1/download/{job_id}")
    assert (early.status_code, early.json()["code"]) == (409, "not_ready")

    data = os.urandom(3 << 20)
    await finish(store, job_id, data)
    status = (await client.get(body["status_url"])).json()
    assert (status["status"], status["progress"]) == ("completed", 100)
    assert status["file_size_bytes"] == len(data)
    assert status["download_url"] == f"/api/v1/download/{job_id}"

    result = await client.get(status["download_url"])
    assert (result.status_code, result.content) == (200, data)
    assert result.headers["content-type"] == "image/png"
    assert result.headers["content-length"] == str(len(data))
    assert result.headers["content-disposition"].startswith('attachment; filename="my cat_x2.png"')

    again = await client.get(status["download_url"])
    assert (again.status_code, again.json()["code"]) == (410, "already_downloaded")


async def test_a_status_that_waits_comes_when_the_job_has_ended(client, store):
    body = (await client.post("/api/v1/upscale", files={"image": ("cat.png", png(1))})).json()
    asking = [
        asyncio.create_task(client.get(body["status_url"], params={"wait": "60"})),
        asyncio.create_task(client.get(body["status_url"], headers={"Prefer": "respond-async, Wait=60; x"})),
    ]
    await finish(store, body["job_id"], b"result")
    answers = await asyncio.wait_for(asyncio.gather(*asking), 10)
    assert [answer.json()["status"] for answer in answers] == ["completed", "completed"]
    assert answers[1].headers["preference-applied"] == "wait=60"
    assert "preference-applied" not in answers[0].headers
    ended = await asyncio.wait_for(client.get(body["status_url"], params={"wait": "60"}), 10)
    assert ended.json()["status"] == "completed"


@pytest.mark.parametrize("wait", ["abc", "-1", "1.5", "", "9" * 40, "\u0661"])
async def test_a_wait_that_is_no_number_is_refused(client, wait):
    answer = await client.get("/api/v1/status/1", params={"wait": wait})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_wait")
    assert_is_problem(answer)


async def test_a_preference_that_cannot_be_understood_is_ignored(client):
    body = (await client.post("/api/v1/upscale", files={"image": ("cat.png", png(1))})).json()
    answer = await asyncio.wait_for(client.get(body["status_url"], headers={"Prefer": "wait=soon, return=minimal"}), 10)
    assert answer.json()["status"] == "processing"
    assert "preference-applied" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/status/1", 404),
        ("GET", "/api/v1/status/not-a-number", 404),
        ("GET", "/api/v1/download/999", 404),
        ("GET", "/nowhere", 404),
        ("PUT", "/api/v1/upscale", 405),
    ],
)
async def test_what_is_not_there(client, method, path, status):
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert_is_problem(answer)


async def test_unknown_and_malformed_jobs_are_told_alike(client):
    bodies = []
    for job_id in ("1", "abc", "9" * 40):
        answer = await client.get(f"/api/v1/status/{job_id}", headers={"x-request-id": "same"})
        bodies.append(answer.content)
    assert len(set(bodies)) == 1


async def test_every_answer_carries_the_envelope(client):
    for path in ("/api/v1/status/1", "/openapi.json", "/nowhere"):
        headers = (await client.get(path, headers={"x-request-id": "mine-1"})).headers
        assert headers["x-request-id"] == "mine-1"
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
    ours = (await client.get("/nowhere", headers={"x-request-id": "bad id\t!"})).headers["x-request-id"]
    assert ours != "bad id\t!"


async def test_a_lost_result_is_said_to_be_lost(client, store, storage):
    answer = await client.post("/api/v1/upscale", files={"image": ("a.png", png(1))})
    job_id = answer.json()["job_id"]
    await finish(store, job_id, b"result")
    await storage.delete_file(job_id, "result.1")
    answer = await client.get(f"/api/v1/download/{job_id}")
    assert (answer.status_code, answer.json()["code"]) == (500, "result_lost")
    status = (await client.get(f"/api/v1/status/{job_id}")).json()
    assert (status["status"], status["error_code"]) == ("failed", "result_lost")


async def test_a_bug_is_told_without_a_word_of_it(client, store):
    store.table = None  # whatever touches it breaks
    answer = await client.get("/api/v1/status/1")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert_is_problem(answer)


async def test_a_store_that_does_not_answer_is_a_503(client, store):
    await store.close()
    answer = await client.get("/api/v1/status/1")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize(
    ("filename", "offered"),
    [
        ("../../etc/passwd.png", "passwd_x4.png"),
        ("C:\\Users\\me\\cat.png", "cat_x4.png"),
        ('a"b\r\nX: y.png', "a_22b_0D_0AX_ y_x4.png"),  # httpx escapes them, as browsers do
        ("", "image_x4.png"),
        ("Кот.png", "____x4.png"),
        ("x" * 300 + ".png", "x" * 80 + "_x4.png"),
    ],
)
async def test_the_offered_name_is_safe(client, store, filename, offered):
    answer = await client.post("/api/v1/upscale", files={"image": (filename or "blob", png(1))})
    job_id = answer.json()["job_id"]
    await finish(store, job_id, b"result")
    disposition = (await client.get(f"/api/v1/download/{job_id}")).headers["content-disposition"]
    if filename:
        assert f'filename="{offered}"' in disposition
    assert "\n" not in disposition


async def test_a_name_keeps_the_marks_that_its_letters_need(client, store):
    answer = await client.post("/api/v1/upscale", files={"image": ("हिन्दी__x.png", png(1))})
    job_id = answer.json()["job_id"]
    await finish(store, job_id, b"result")
    disposition = (await client.get(f"/api/v1/download/{job_id}")).headers["content-disposition"]
    assert unquote(disposition).endswith("हिन्दी__x_x4.png")


async def test_rotated_input_is_measured_as_it_is_seen(client):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture(1, 30, 10), "JPEG", exif=exif)
    answer = await client.post("/api/v1/upscale", files={"image": ("a.jpg", data)})
    status = (await client.get(answer.json()["status_url"])).json()
    assert status["input"] == {"width": 10, "height": 30, "format": "jpeg"}


async def test_the_document_describes_the_calls(client):
    paths = (await client.get("/openapi.json")).json()["paths"]
    of_jobs = {"/api/v1/upscale", "/api/v1/status/{job_id}", "/api/v1/download/{job_id}"}
    assert set(paths) == of_jobs | {"/api/v1/models", "/api/v1/limits", "/healthz", "/readyz"}


async def test_looking_at_a_download_consumes_nothing(client, store):
    answer = await client.post("/api/v1/upscale", files={"image": ("a.png", png(1))})
    job_id = answer.json()["job_id"]
    path = f"/api/v1/download/{job_id}"
    assert (await client.head(path)).status_code == 409
    await finish(store, job_id, b"result")
    for _ in range(100):
        answer = await client.head(path)
        assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "6", b"")
    for headers in ({"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"User-Agent": "Slackbot 1.0"}):
        answer = await client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "preview_refused")
    assert (await client.get(path, headers={"Range": "bytes=0-1"})).content == b"result"
    assert (await client.head(path)).status_code == 410


async def test_a_damaged_result_is_not_given_out(client, store, storage):
    answer = await client.post("/api/v1/upscale", files={"image": ("a.png", png(1))})
    job_id = answer.json()["job_id"]
    await finish(store, job_id, b"result")
    await storage.put_result(job_id, 1, io.BytesIO(b"resulT"))
    answer = await client.get(f"/api/v1/download/{job_id}")
    assert (answer.status_code, answer.json()["code"]) == (500, "result_lost")
    assert (await client.get(f"/api/v1/status/{job_id}")).json()["status"] == "failed"
