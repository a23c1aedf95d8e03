"""Results: had once, and then gone."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from tests.api.conftest import MAX_DOWNLOADS, PATIENCE_S, Caller
from tests.api.rows import DOWNLOAD, LOOK, row
from tests.pictures import encoded
from tests.service.calls import eventually


@pytest.fixture(scope="module", autouse=True)
def expiring(system) -> str:
    """A result that nobody fetches; it is looked at when the other tests are done."""
    with Caller(system.url) as caller:
        return caller.completed()


@pytest.fixture
def large(alice) -> str:
    """A result of several megabytes, which no buffer on the way can hold."""
    noise = np.random.default_rng(1).integers(0, 256, (500, 500, 3), np.uint8)
    return alice.completed(encoded(Image.fromarray(noise)))


def stalled(raw, job_id: str):
    """A download that has begun, and is not read."""
    connection = raw().request(f"GET /api/v1/download/{job_id}")
    assert connection.read(15).startswith(b"HTTP/1.1 200")
    return connection


@row(DOWNLOAD, "the result is there", 200, "the bytes, once; see the headers below")
def test_available(alice, system):
    job_id = alice.completed(filename="Grüße, cat.png")
    document = alice.status(job_id).json()
    answer = alice.download(job_id)
    sha256 = hashlib.sha256(answer.content).hexdigest()
    assert (sha256, len(answer.content)) == (document["sha256"], document["file_size_bytes"])
    assert answer.headers["content-type"] == "image/png"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["etag"] == f'"{sha256}"'
    digest = base64.b64encode(bytes.fromhex(sha256)).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["accept-ranges"] == "none"
    ascii_name, name = answer.headers["content-disposition"].split("; ")[1:]
    assert ascii_name == 'filename="Gr__e_ cat_x4.png"'
    assert name == "filename*=UTF-8''Gr%C3%BC%C3%9Fe_%20cat_x4.png"
    alice.until(lambda: alice.download(job_id), 410)
    assert not list((system.storage / "jobs").glob(f"{job_id}/result*"))
    return answer


@row(DOWNLOAD, "`Range`", 200, "the whole; ranges are ignored")
def test_range(alice):
    job_id = alice.completed()
    answer = alice.download(job_id, headers={"Range": "bytes=0-9"})
    assert len(answer.content) > 10
    return answer


@row(DOWNLOAD, "`?keep=1`", 200, "the result stays; delete it when it has arrived")
def test_keep(alice):
    job_id = alice.completed()
    answers = [alice.download(job_id, params={"keep": keep}) for keep in ("1", "1", "true", "0")]
    assert len({answer.content for answer in answers}) == 1
    assert alice.until(lambda: alice.download(job_id), 410).status_code == 410
    return answers


@row(DOWNLOAD, "`keep` is neither `1` nor `0`", "invalid_keep")
def test_keep_what(alice):
    job_id = alice.completed()
    answers = [alice.download(job_id, params={"keep": keep}) for keep in ("yes", "", "2")]
    assert alice.status(job_id).json()["result"] == "available"
    return answers


@row(DOWNLOAD, "the job waits or runs", "not_ready")
def test_not_ready(alice, long_job):
    return alice.download(long_job)


@row(DOWNLOAD, "it has failed, or was cancelled", "job_failed")
def test_failed(alice, long_job):
    alice.cancel(long_job)
    return alice.download(long_job)


@row(DOWNLOAD, "another request has begun to download it", "download_in_progress")
def test_in_progress(alice, raw, large):
    first = stalled(raw, large)
    answer = alice.download(large)
    assert alice.status(large).json()["result"] == "downloading"
    first.close()
    assert alice.until(lambda: alice.download(large), 200).status_code == 200  # it broke off, so it is there again
    return answer


@row(DOWNLOAD, "it was downloaded before", "already_downloaded", "of fifty at once, one gets it")
def test_again(alice):
    job_id = alice.completed()
    with ThreadPoolExecutor(50) as clients:
        answers = list(clients.map(lambda _: alice.download(job_id), range(50)))
    assert min(answer.status_code for answer in answers) == 200
    assert {answer.status_code for answer in answers[1:]} <= {200, 409, 410, 503}
    assert [answer.status_code for answer in answers].count(200) == 1
    return alice.download(job_id)


@row(DOWNLOAD, "it was deleted", "deleted")
def test_deleted(alice):
    job_id = alice.completed()
    alice.cancel(job_id)
    return alice.download(job_id)


@row(DOWNLOAD, "the stored bytes are gone or not what they were", "result_lost", "the job is `failed` from then on")
def test_lost(alice, system):
    answers = []
    for harm in (lambda path: path.unlink(), lambda path: path.write_bytes(b"?" * path.stat().st_size)):
        job_id = alice.completed()
        (path,) = (system.storage / "jobs" / job_id).glob("result.*")
        harm(path)
        answers.append(alice.download(job_id))
        assert alice.until(lambda job_id=job_id: alice.download(job_id), 409).json()["code"] == "job_failed"
        status = alice.status(job_id).json()
        assert (status["status"], status["error_code"]) == ("failed", "result_lost")
    return answers


@row(DOWNLOAD, "`limits.max_downloads` are under way", "too_many_downloads")
def test_too_many(alice, raw, large):
    noise = np.random.default_rng(2).integers(0, 256, (500, 500, 3), np.uint8)
    held = [stalled(raw, job_id) for job_id in (large, alice.completed(encoded(Image.fromarray(noise))))]
    assert len(held) == MAX_DOWNLOADS
    other = alice.completed()
    answer = alice.download(other)
    for connection in held:
        connection.close()
    assert alice.until(lambda: alice.download(other), 200).status_code == 200
    return answer


@row(DOWNLOAD, "a prefetch, or a program that looks at links ahead", "preview_refused")
def test_preview(alice):
    job_id = alice.completed()
    previews = (
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
        {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
        {"User-Agent": "WhatsApp/2.23"},
    )
    answers = [alice.download(job_id, headers=headers) for headers in previews]
    assert alice.status(job_id).json()["result"] == "available"
    return answers


@row(LOOK, "the result is there", 200, "the headers of the download; consumes nothing")
def test_head(alice):
    job_id = alice.completed()
    answers = [alice.head(f"/api/v1/download/{job_id}") for _ in range(20)]
    got = alice.download(job_id)
    named = ("content-length", "content-type", "content-disposition", "etag", "repr-digest")
    assert {tuple(answer.headers[name] for name in named) for answer in [*answers, got]} == {
        tuple(got.headers[name] for name in named)
    }
    return answers


@row(LOOK, "it is not there", 409, "as the download would be refused, without a body")
def test_head_of_nothing(alice, long_job):
    assert alice.head("/api/v1/download/1").status_code == 404
    return alice.head(f"/api/v1/download/{long_job}")


@row(DOWNLOAD, "nobody downloaded it in time", "expired", "`result` of the status says so too")
def test_expired(system, alice, expiring):
    answer = alice.until(lambda: alice.download(expiring, params={"keep": "1"}), 410)
    alice.until_status(expiring, "result", "expired")
    eventually(lambda: not (system.storage / "jobs" / expiring).exists(), "its bytes are gone", PATIENCE_S)
    return answer
