"""The HTTP API over a store in this process: every answer that needs no replica."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib

import httpx
import pytest
from PIL import Image

from deployments.ingress.admission import Admission, Serving
from deployments.ingress.api import create_app
from deployments.ingress.backend import Backend
from deployments.jobs.record import Result
from tests.pictures import encoded, picture, png
from upscaler.catalogue import load_catalogue
from upscaler.picture import Limits

pytestmark = pytest.mark.anyio

MAX_UPLOAD = 1 << 20
GUIDE_STATUS = {"job_id", "status", "progress"}


@pytest.fixture
def backend(store, storage) -> Backend:
    models = ("realesr-animevideov3", "realesrgan-x4plus")
    serving = Serving(load_catalogue(), models, models[0], Limits(max_input_px=10_000), 200.0)
    return Backend(store, storage, Admission(serving), MAX_UPLOAD)


@pytest.fixture
async def client(backend):
    transport = httpx.ASGITransport(create_app(backend), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def finish(store, job_id: str, data: bytes) -> None:
    """Be the replica: lease the job and publish `data`."""
    grant = await store.lease("holder", 0.0, 1.0)
    assert grant.job_id == job_id
    name = await store.storage.put_result(job_id, grant.fence, io.BytesIO(data))
    await store.complete(job_id, grant.fence, Result(name, len(data), hashlib.sha256(data).hexdigest()))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_that_claims(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 64))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def animated(image_format: str) -> bytes:
    return encoded(picture(1), image_format, save_all=True, append_images=[picture(2)])


async def test_the_three_calls_of_the_guide(client, store):
    answer = await client.post("/api/v1/upscale", files={"image": ("my cat.png", png(1))}, data={"scale": "2"})
    assert answer.status_code == 202
    body = answer.json()
    job_id = body["job_id"]
    assert body == {"success": True, "job_id": job_id, "status_url": f"/api/v1/status/{job_id}"}
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


BAD_UPLOADS = {
    "a text file named photo.jpg": (415, "unsupported_image_format", ("photo.jpg", b"just text"), {}),
    "an empty file": (422, "empty_image", ("photo.jpg", b""), {}),
    "a truncated PNG": (422, "invalid_image", ("a.png", png(3, 60, 60)[:-200]), {}),
    "only a signature": (422, "invalid_image", ("a.png", b"\x89PNG\r\n\x1a\n"), {}),
    "a huge header": (422, "image_too_large", ("a.png", png_that_claims(30_000, 30_000)), {}),
    "an animated PNG": (422, "animated_not_supported", ("a.png", animated("PNG")), {}),
    "an animated WEBP": (422, "animated_not_supported", ("a.webp", animated("WEBP")), {}),
    "a GIF": (415, "unsupported_image_format", ("a.png", encoded(picture(1), "GIF")), {}),
    "scale=5": (422, "invalid_scale", ("a.png", png(1)), {"scale": "5"}),
    "scale=abc": (422, "invalid_scale", ("a.png", png(1)), {"scale": "abc"}),
    "an empty scale": (422, "invalid_scale", ("a.png", png(1)), {"scale": ""}),
    "two scales": (422, "invalid_scale", ("a.png", png(1)), {"scale": ["2", "4"]}),
    "an unknown model": (422, "unknown_model", ("a.png", png(1)), {"model": "nope"}),
    "a model without weights": (422, "model_not_available", ("a.png", png(1)), {"model": "realesrgan-x2plus"}),
    "too many bytes": (413, "body_too_large", ("a.png", os.urandom(MAX_UPLOAD + 1)), {}),
}


@pytest.mark.parametrize("case", BAD_UPLOADS)
async def test_a_bad_upload_gets_its_row_and_leaves_nothing(client, storage, store, case):
    status, code, image, data = BAD_UPLOADS[case]
    answer = await client.post("/api/v1/upscale", files={"image": image}, data=data)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert_is_problem(answer)
    assert await storage.folders() == {}
    assert len(store.table) == 0


async def test_a_form_without_the_image_or_with_two(client):
    answer = await client.post("/api/v1/upscale", data={"scale": "4"}, files={"other": b"x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "missing_image")
    two = [("image", ("a.png", png(1))), ("image", ("b.png", png(2)))]
    answer = await client.post("/api/v1/upscale", files=two)
    assert (answer.status_code, answer.json()["code"]) == (422, "duplicate_image")


FORM = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"content-type": "application/json"}, b"{}", 415, "unsupported_media_type"),
        ({}, b"raw bytes", 415, "unsupported_media_type"),
        ({"content-type": FORM, "content-encoding": "gzip"}, b"", 415, "unsupported_media_type"),
        ({"content-type": "multipart/form-data"}, b"x", 400, "bad_multipart"),
        ({"content-type": FORM}, b"no form at all", 400, "bad_multipart"),
        ({"content-type": FORM}, PART + png(1), 400, "bad_multipart"),
        ({"content-type": FORM}, b"", 400, "bad_multipart"),
    ],
)
async def test_a_body_that_is_no_form(client, storage, headers, body, status, code):
    answer = await client.post("/api/v1/upscale", headers=headers, content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert_is_problem(answer)
    assert await storage.folders() == {}


async def test_an_endless_body_is_cut_off_by_counting(client, storage):
    async def endless():
        yield PART
        for _ in range(1000):
            yield b"\0" * 65_536

    answer = await client.post("/api/v1/upscale", headers={"content-type": FORM}, content=endless())
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert await storage.folders() == {}


def assert_is_problem(answer: httpx.Response) -> None:
    """Every error body has the members of the contract, and names nothing of ours."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["success"] is False
    assert "status" not in body
    assert body["error"] == body["detail"]
    assert body["instance"] == answer.headers["x-request-id"]
    assert not any(word in answer.text.lower() for word in ("traceback", "pillow", "starlette", "/tmp", ".py"))


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
    assert "download_url" not in (await client.get(f"/api/v1/status/{job_id}")).json()


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


async def test_rotated_input_is_measured_as_it_is_seen(client):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture(1, 30, 10), "JPEG", exif=exif)
    answer = await client.post("/api/v1/upscale", files={"image": ("a.jpg", data)})
    status = (await client.get(answer.json()["status_url"])).json()
    assert status["input"] == {"width": 10, "height": 30, "format": "jpeg"}


async def test_the_document_describes_the_calls(client):
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert set(paths) == {"/api/v1/upscale", "/api/v1/status/{job_id}", "/api/v1/download/{job_id}"}
