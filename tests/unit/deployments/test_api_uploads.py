"""What a POST can get wrong: each gets its row of the table and leaves nothing behind."""

from __future__ import annotations

import os
import struct
import zlib

import pytest

from tests.pictures import encoded, picture, png
from tests.unit.deployments.conftest import MAX_UPLOAD, assert_is_problem

pytestmark = pytest.mark.anyio


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_that_claims(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 64))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def animated(image_format: str) -> bytes:
    return encoded(picture(1), image_format, save_all=True, append_images=[picture(2)])


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
ODD_CHARSETS = ["undefined", "punycode", "nothing-such"]
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
        *(({"content-type": f"{FORM}; charset={name}"}, PART, 400, "bad_multipart") for name in ODD_CHARSETS),
        ({"content-type": FORM, "content-length": "0" * 5000}, PART, 400, "bad_multipart"),
        ({"content-type": FORM, "content-length": "9" * 5000}, PART, 413, "body_too_large"),
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
