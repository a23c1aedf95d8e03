"""Submissions that become jobs."""

from __future__ import annotations

import io
import secrets
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from tests.api.rows import SUBMIT, conforms, row
from tests.pictures import decoded, encoded, picture, png
from tests.pngs import a_png, samples
from upscaler.pictures.chunks import png_header


@row(SUBMIT, "accepted: image and record are on disk", 202, "`Location`, `Retry-After`", example="accepted")
def test_accepted(alice, document, system):
    answer = alice.submit()
    conforms(answer.json(), "Accepted", document)
    job_id = answer.json()["job_id"]
    assert 10**18 <= int(job_id) < 2**63
    assert answer.headers["location"] == answer.json()["status_url"] == f"/api/v1/status/{job_id}"
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert datetime.fromisoformat(answer.json()["expires_at"]).tzinfo
    assert (system.storage / "jobs" / job_id / "job.json").exists()
    return answer


@row(SUBMIT, "`scale` 2, 3 or 4, or left out: 4", 202, "the result has so many times the sides", example="accepted")
def test_scales(alice):
    answers = []
    for fields, scale in (({"scale": "2"}, 2), ({"scale": "3"}, 3), ({"scale": "4"}, 4), ({}, 4)):
        answers.append(answer := alice.submit(png(1), **fields))
        alice.status(answer.json()["job_id"], params={"wait": "60"})
        assert decoded(alice.download(answer.json()["job_id"]).content).shape == (20 * scale, 24 * scale, 3)
    return answers


@row(SUBMIT, "`format` says what the result is written as", 202, "`quality` how well, if lossy", example="accepted")
def test_formats(alice):
    answers, sizes = [], {}
    for wanted, quality in (("png", "95"), ("jpeg", "95"), ("jpeg", "20"), ("webp", "80")):
        answers.append(answer := alice.submit(png(1, 60, 60), format=wanted, quality=quality))
        job_id = answer.json()["job_id"]
        alice.status(job_id, params={"wait": "60"})
        got = alice.download(job_id)
        assert got.headers["content-type"] == f"image/{wanted}"
        assert Image.open(io.BytesIO(got.content)).format == wanted.upper()
        sizes[wanted, quality] = len(got.content)
    assert sizes["jpeg", "20"] < sizes["jpeg", "95"]
    return answers


@row(SUBMIT, "no `format`: that of the input, whatever its name says", 202, example="accepted")
def test_format_of_the_input(alice):
    answers = []
    for name in ("PNG", "JPEG", "WEBP"):
        answers.append(answer := alice.submit(encoded(picture(2), name), filename="wrong.gif"))
        job_id = answer.json()["job_id"]
        assert alice.status(job_id, params={"wait": "60"}).json()["output"]["format"] == name.lower()
        assert Image.open(io.BytesIO(alice.download(job_id).content)).format == name
    return answers


@row(SUBMIT, "no `format`, and that of the input cannot hold so long a side", 202, "PNG", example="accepted")
def test_format_that_cannot_hold(alice):
    answer = alice.submit(encoded(picture(1, 5000, 2), "WEBP"))
    status = alice.status(answer.json()["job_id"], params={"wait": "60"}).json()
    assert status["output"] == {"width": 20_000, "height": 8, "format": "png"}
    return answer


@row(SUBMIT, "alpha asked into a JPEG", 202, "flattened on white; the status says so", example="accepted")
def test_flattened(alice):
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    answer = alice.submit(encoded(image), format="jpeg")
    job_id = answer.json()["job_id"]
    assert alice.status(job_id, params={"wait": "60"}).json()["output"]["alpha"] == "flattened on white"
    assert np.all(decoded(alice.download(job_id).content) > 250)
    return answer


@row(SUBMIT, "16 bits asked into a JPEG or WEBP", 202, "reduced to 8; the status says so", example="accepted")
def test_reduced(alice):
    values, answers = samples(16, 16, 3), []
    for fields, reduced in (
        ({"format": "jpeg"}, True),
        ({"format": "webp"}, True),
        ({"format": "png"}, False),
        ({}, False),
    ):
        answers.append(answer := alice.submit(a_png(values), **fields))
        job_id = answer.json()["job_id"]
        output = alice.status(job_id, params={"wait": "60"}).json()["output"]
        assert output.get("depth") == ("reduced to 8 bits" if reduced else None)
        data = alice.download(job_id).content
        assert reduced or png_header(data).bit_depth == 16
    return answers


@row(SUBMIT, "`metadata` is `keep`", 202, "EXIF, XMP and resolution stay, else they go", example="accepted")
def test_metadata(alice):
    said = Image.Exif()
    said[0x010F], said[0x0112] = "Camera", 6
    data, answers = encoded(picture(1), "JPEG", exif=said, dpi=(300, 300)), []
    for fields, kept in (({}, False), ({"metadata": "strip"}, False), ({"metadata": "keep"}, True)):
        answers.append(answer := alice.submit(data, **fields))
        job_id = answer.json()["job_id"]
        alice.status(job_id, params={"wait": "60"})
        image = Image.open(io.BytesIO(alice.download(job_id).content))
        assert image.size == (80, 96)  # turned upright
        assert dict(image.getexif()) == ({0x010F: "Camera"} if kept else {})
        assert (image.info.get("dpi") == (300, 300)) == kept
    return answers


@row(SUBMIT, "`model` is one that is served", 202, example="accepted")
def test_model(alice):
    names = [model["name"] for model in alice.get("/api/v1/models").json()["models"]]
    assert len(names) > 1
    answers = [alice.submit(model=name) for name in names]
    for name, answer in zip(names, answers, strict=True):
        assert alice.status(answer.json()["job_id"], params={"wait": "60"}).json()["model"] == name
    return answers


@row(SUBMIT, "a phone's JPEG with several pictures", 202, "the primary one is taken", example="accepted")
def test_several_pictures_in_one(alice):
    data = encoded(picture(1), "MPO", save_all=True, append_images=[picture(2)])
    answer = alice.submit(data, filename="phone.jpg")
    job_id = answer.json()["job_id"]
    alice.status(job_id, params={"wait": "60"})
    assert alice.download(job_id).headers["content-type"] == "image/jpeg"
    return answer


@row(SUBMIT, "fields that are not ours", 202, "ignored", example="accepted")
def test_other_fields(alice):
    return alice.submit(anything="goes")


@row(
    SUBMIT,
    "`Prefer: wait=N`, and the job has ended within N",
    200,
    "the status; `Preference-Applied`",
    example="completed",
)
def test_waited(alice, document):
    answer = alice.submit(headers={"Prefer": "wait=60"})
    assert answer.headers["preference-applied"] == "wait=60"
    assert answer.json()["status"] == "completed"
    conforms(answer.json(), "Completed", document)
    return answer


@row(SUBMIT, "`Prefer: wait=N`, and it has not", 202, "`Preference-Applied`", example="accepted")
def test_waited_in_vain(alice, long_job):
    answer = alice.submit(png(3, 400, 400), headers={"Prefer": "wait=0"}, model="realesrgan-x4plus")
    alice.cancel(answer.json()["job_id"])
    assert answer.headers["preference-applied"] == "wait=0"
    return answer


@pytest.fixture
def key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(16)}


@row(
    SUBMIT,
    "`Idempotency-Key` seen with the same payload",
    202,
    "the same job; `Idempotent-Replayed: true`",
    example="replayed",
)
def test_replayed(alice, bob, key):
    first = alice.submit(headers=key)
    again = alice.submit(headers=key)
    assert again.json()["job_id"] == first.json()["job_id"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert bob.submit(headers=key).json()["job_id"] != first.json()["job_id"]  # keys of others are others
    return again


@row(SUBMIT, "the same with another image or other options", "idempotency_mismatch")
def test_mismatch(alice, key):
    assert alice.submit(headers=key).status_code == 202
    return [alice.submit(png(2), headers=key), alice.submit(headers=key, scale="2")]


@row(SUBMIT, "the same while the first is still uploading", "upload_in_progress")
def test_still_uploading(alice, raw, key):
    first = raw().upload(10_000, f"Idempotency-Key: {key['Idempotency-Key']}")
    answer = alice.until(lambda: alice.submit(headers=key), 409)
    first.close()
    assert alice.until(lambda: alice.submit(headers=key), 202).status_code == 202  # it has left, and was nobody
    return answer


@row(SUBMIT, "`Idempotency-Key` malformed, or there twice", "invalid_idempotency_key")
def test_malformed_key(alice, raw):
    twice = raw().upload(10_000, "Idempotency-Key: one", "Idempotency-Key: two").answer()
    return [twice, *(alice.submit(headers={"Idempotency-Key": value}) for value in ("", "a b", "x" * 256))]
