"""What the three calls can get wrong, through real Serve. The full list is in the unit tests of the API."""

from __future__ import annotations

import pytest

from tests.pictures import png
from tests.service.calls import submit

pytestmark = pytest.mark.service


@pytest.mark.parametrize(
    ("image", "fields", "status", "code"),
    [
        (b"just text", {}, 415, "unsupported_image_format"),
        (b"", {}, 422, "empty_image"),
        (png(1, 50, 50)[:-100], {}, 422, "invalid_image"),
        (png(1), {"scale": "5"}, 422, "invalid_scale"),
        (png(1), {"scale": "abc"}, 422, "invalid_scale"),
        (b"\0" * (33 << 20), {}, 413, "body_too_large"),
    ],
    ids=["text", "empty", "truncated", "scale-5", "scale-abc", "too-large"],
)
def test_a_bad_upload_gets_its_row(client, service, image, fields, status, code):
    jobs = service.storage / "jobs"
    before = set(jobs.iterdir()) if jobs.exists() else set()
    answer = client.post("/api/v1/upscale", files={"image": ("photo.jpg", image)}, data=fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (set(jobs.iterdir()) if jobs.exists() else set()) <= before


def test_a_missing_image(client):
    answer = client.post("/api/v1/upscale", data={"scale": "4"}, files={"other": b"x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "missing_image")


def test_an_unknown_job(client):
    for path in ("/api/v1/status/1234567890123456789", "/api/v1/download/1234567890123456789"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


def test_a_download_before_the_result_is_ready(client):
    job_id = submit(client, png(5, 400, 300))
    answer = client.get(f"/api/v1/download/{job_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")
