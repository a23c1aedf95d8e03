"""Submissions that cannot become jobs, whatever the service is doing."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.api.conftest import MAX_UPLOAD_BYTES, PATIENCE_S
from tests.api.raw import BOUNDARY, END, FORM, Raw
from tests.api.rows import SUBMIT, row
from tests.pictures import encoded, picture, png
from tests.service.calls import eventually

FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.fixture(scope="module", autouse=True)
def slow(system) -> Iterator[Raw]:
    """A client that stops in the middle of its body; it is looked at when the other tests are done."""
    with Raw(system.port) as raw:
        yield raw.upload(100_000)


def post(alice, body: bytes, kind: str | None = FORM_TYPE, **headers: str):
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return alice.post("/api/v1/upscale", content=body, headers=said | ({"Content-Type": kind} if kind else {}))


@row(SUBMIT, "not `multipart/form-data`", "unsupported_media_type")
def test_not_a_form(alice):
    kinds = ("application/json", "image/png", "application/x-www-form-urlencoded", "nonsense", None)
    return [*(post(alice, b"{}", kind) for kind in kinds), post(alice, b"", None)]


@row(SUBMIT, "`Content-Encoding` on the body", "unsupported_media_type")
def test_encoded_body(alice):
    return [post(alice, FORM + png(1) + END, Content_Encoding=name) for name in ("gzip", "br", "identity")]


@row(SUBMIT, "no boundary; a form that is malformed, cut off, or has too many or too large fields", "bad_multipart")
def test_broken_form(alice):
    whole = FORM + png(1) + END
    many = b"".join(b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % n for n in range(40))
    large = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n' + b"x" * 10_000 + b"\r\n"
    return [
        post(alice, whole, "multipart/form-data"),
        post(alice, whole[:-6]),
        post(alice, whole[:40]),
        post(alice, b"no form at all"),
        post(alice, b""),
        post(alice, many + whole),
        post(alice, large + whole),
    ]


@row(
    SUBMIT, "a body over `limits.max_upload_bytes`, by header or by count", "body_too_large", "`limit`; within a second"
)
def test_too_large(alice, raw):
    started_at = time.monotonic()
    by_header = raw().upload(MAX_UPLOAD_BYTES + 1).answer()
    assert time.monotonic() - started_at < 1

    def chunks():
        for _ in range(4 * MAX_UPLOAD_BYTES >> 16):
            yield bytes(1 << 16)

    by_count = alice.post("/api/v1/upscale", content=chunks(), headers={"Content-Type": FORM_TYPE})
    assert by_header.json()["limit"] == by_count.json()["limit"] == MAX_UPLOAD_BYTES
    return [by_header, by_count]


@row(SUBMIT, "no file called `image`", "missing_image")
def test_missing(alice):
    text = alice.post("/api/v1/upscale", files={"image": (None, b"text")})
    return [text, alice.post("/api/v1/upscale", files={"picture": ("cat.png", png(1))})]


@row(SUBMIT, "more than one", "duplicate_image")
def test_twice(alice):
    return alice.post("/api/v1/upscale", files=[("image", ("a.png", png(1))), ("image", ("b.png", png(2)))])


@row(SUBMIT, "the file has no bytes", "empty_image")
def test_empty(alice):
    return alice.submit(b"")


@row(SUBMIT, "`scale` is not 2, 3 or 4, or there twice", "invalid_scale", "`allowed`")
def test_scale(alice):
    twice = alice.post("/api/v1/upscale", files={"image": png(1)}, data={"scale": ["2", "3"]})
    answers = [twice, *(alice.submit(scale=scale) for scale in ("5", "1", "abc", "", "4.0", "٤", "-2", "2 "))]
    assert all(answer.json()["allowed"] == [2, 3, 4] for answer in answers)
    return answers


@row(SUBMIT, "no such `model`", "unknown_model", "`allowed`")
def test_unknown_model(alice):
    answers = [alice.submit(model=name) for name in ("esrgan", "", "../../etc/passwd")]
    assert all("realesrgan-x4plus" in answer.json()["allowed"] for answer in answers)
    return answers


@row(SUBMIT, "a `model` of the catalogue without weights here", "model_not_available", "`allowed`")
def test_model_without_weights(alice):
    return alice.submit(model="realesrgan-x2plus")


@row(SUBMIT, "`format` is none of the three", "invalid_format", "`allowed`")
def test_format(alice):
    return [alice.submit(format=name) for name in ("gif", "", "image/png")]


@row(SUBMIT, "`quality` is not 1 to 100", "invalid_quality")
def test_quality(alice):
    return [alice.submit(quality=value) for value in ("0", "101", "-1", "high", "", "1e1")]


@row(SUBMIT, "`metadata` is neither `strip` nor `keep`", "invalid_metadata", "`allowed`")
def test_metadata(alice):
    return [alice.submit(metadata=value) for value in ("all", "", "KEEP")]


@row(SUBMIT, "the bytes are not PNG, JPEG or WEBP, whatever name and type say", "unsupported_image_format")
def test_other_formats(alice):
    gif, tiff, bmp = (encoded(picture(1), name) for name in ("GIF", "TIFF", "BMP"))
    return [
        alice.submit(data, filename="photo.png") for data in (b"just text", gif, tiff, bmp, b"%PDF-1.7", b"\0" * 99)
    ]


@row(SUBMIT, "damaged or cut off", "invalid_image")
def test_damaged(alice):
    files = [encoded(picture(1, 100, 100), name) for name in ("PNG", "JPEG", "WEBP")]
    halves = [alice.submit(data[: len(data) // 2]) for data in files]
    broken = bytearray(files[0])
    broken[len(broken) // 2] ^= 255
    return [*halves, alice.submit(bytes(broken)), alice.submit(files[0][:-1])]


@row(
    SUBMIT,
    "too many pixels, or too long a side for the result's format",
    "image_too_large",
    "by its header alone; `width`, `height`, `limit`",
)
def test_too_many_pixels(alice):
    header = bytearray(png(1))
    header[16:24] = (30_000).to_bytes(4, "big") * 2
    by_header = alice.submit(_with_crc(header))
    assert (by_header.json()["width"], by_header.json()["height"]) == (30_000, 30_000)
    long = encoded(Image.fromarray(np.zeros((1, 20_000), np.uint8)))
    return [
        by_header,
        alice.submit(long),
        alice.submit(encoded(picture(1, 5000, 1)), format="webp"),
        alice.submit(encoded(Image.new("L", (5200, 4900)))),
    ]


def _with_crc(data: bytearray) -> bytes:
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


@row(SUBMIT, "an animated PNG or WEBP", "animated_not_supported")
def test_animated(alice):
    frames = {"save_all": True, "append_images": [picture(2)]}
    return [alice.submit(encoded(picture(1), name, **frames)) for name in ("PNG", "WEBP")]


@row(SUBMIT, "the body does not come in time: under 32 kB/s after 10 s", "body_too_slow", "`Connection: close`")
def test_too_slow(slow):
    answer = slow.answer()
    assert answer.headers["connection"] == "close"
    return answer


@row(SUBMIT, "the client leaves before its body ends", None, "no job, and nothing is kept")
def test_client_leaves(system, raw):
    before, folders = set(_spooled(system)), _folders(system)
    leaving = raw().upload(2_000_000).send(bytes(1_500_000))  # more than is held in memory
    eventually(lambda: set(_spooled(system)) - before, "it is being received", PATIENCE_S)
    leaving.close()
    eventually(lambda: not set(_spooled(system)) - before, "nothing of it is left", PATIENCE_S)
    assert _folders(system) <= folders


def _folders(system) -> set[str]:
    return {path.name for path in system.storage.glob("jobs/*")}


def _spooled(system) -> list[str]:
    """Temporary files of the proxy that have no name any more."""
    found = []
    for pid in system.pids("ray::ProxyActor"):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                target = str(entry.readlink())
                if target.startswith("/tmp/") and target.endswith("(deleted)"):
                    found.append(f"{pid} {target}")
    return found
