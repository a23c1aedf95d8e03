"""Submissions that could become jobs at another time, or for another client."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from tests.api.conftest import MAX_QUEUED, MAX_UPLOAD_BYTES, Caller
from tests.api.rows import SUBMIT, row
from tests.faults.checks import REPLICA, STORE
from tests.pictures import encoded, png
from tests.system import ROOT

READY = "GET /readyz"


@contextmanager
def cancelled_afterwards(caller):
    """A list of answers; the jobs among them are cancelled."""
    answers = []
    try:
        yield answers
    finally:
        for answer in answers:
            if answer.status_code == 202:
                caller.cancel(answer.json()["job_id"])


@row(SUBMIT, "as many jobs of this key are in work as it may have", "too_many_jobs")
def test_too_many_jobs(system, alice, long_job):
    with Caller(system.url, "one") as one, cancelled_afterwards(one) as answers:
        answers.append(one.submit(png(1, 500, 500), model="realesrgan-x4plus"))
        answers.append(one.submit())
        assert answers[0].status_code == alice.submit().status_code == 202  # others are served
        return answers[1]


@row(SUBMIT, "inputs and results of this key fill the room that it may have", "too_many_bytes")
def test_too_many_bytes(system, alice):
    with Caller(system.url, "small") as small:
        answer = small.submit(png(1, 100, 100))
    assert alice.submit(png(1, 100, 100)).status_code == 202
    return answer


@row(SUBMIT, "this key submits faster than it may", "too_fast")
def test_too_fast(system, alice):
    with Caller(system.url, "slow") as slow:
        assert slow.submit().status_code == 202
        answer = slow.submit()
    assert alice.submit().status_code == 202
    return answer


@row(SUBMIT, "`limits.max_queued` jobs are waiting", "queue_full")
def test_queue_full(system, alice):
    with cancelled_afterwards(alice) as answers, system.paused(REPLICA):
        while not answers or (answers[-1].status_code == 202 and len(answers) <= MAX_QUEUED + 1):
            answers.append(alice.submit())
        return answers[-1]


@row(SUBMIT, "jobs have been waiting for `cold_start_limit_s`, and nobody works on them", "no_replica")
def test_no_replica(system, alice):
    with cancelled_afterwards(alice) as answers, system.paused(REPLICA):

        def submitted():
            answers.append(alice.submit())
            return answers[-1]

        return alice.until(submitted, 503, pause_s=1.0)


@row(SUBMIT, "there is no room in storage for the input and the largest result", "storage_full")
def test_storage_full(alice):
    return alice.submit(encoded(Image.new("L", (5000, 5000))))


@row(SUBMIT, "the storage does not work", "storage_unavailable")
def test_storage_unavailable(system, alice):
    staging: Path = system.storage / "staging"
    aside = staging.with_name("aside")
    staging.rename(aside)
    try:
        staging.write_bytes(b"not a folder")
        answer = alice.submit()
    finally:
        staging.unlink()
        aside.rename(staging)
    assert alice.submit().status_code == 202
    return answer


@row(SUBMIT, "other uploads fill the memory set aside for them", "too_many_uploads")
def test_too_many_uploads(alice, raw):
    slow = [raw().upload(MAX_UPLOAD_BYTES - 1000).send(bytes(MAX_UPLOAD_BYTES - 10_000)) for _ in range(3)]
    answer = alice.until(lambda: alice.submit(png(1, 100, 100)), 503)
    for connection in slow:
        connection.close()
    assert alice.until(alice.submit, 202).status_code == 202
    return answer


def drain(system, *options: str) -> None:
    command = [str(Path(sys.executable).with_name("upscale")), "drain", str(system.config), *options]
    environment = system.environment | {"RAY_ADDRESS": system.address}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=60)


@row(SUBMIT, "the service drains before it is stopped: `upscale drain`", "draining")
def test_draining(system, alice):
    drain(system, "--wait", "30")
    try:
        answer = alice.submit()
    finally:
        drain(system, "--resume")
    assert alice.submit().status_code == 202
    return answer


@row(READY, "no job would be done soon: no replica, no room, or the service drains", "not_ready_yet")
def test_not_ready(system, anybody):
    drain(system)
    try:
        answer = anybody.get("/readyz")
    finally:
        drain(system, "--resume")
    return answer


@row(READY, "a job that came now would soon be done", 200, example="ready")
def test_ready(anybody):
    return anybody.until(lambda: anybody.get("/readyz"), 200)


@row(SUBMIT, "the job store does not answer just now; so with every call", "unavailable")
def test_unavailable(system, alice):
    job_id = alice.accepted()
    calls = (alice.submit, lambda: alice.status(job_id), lambda: alice.download(job_id))
    with system.paused(STORE), ThreadPoolExecutor(len(calls)) as threads:
        answers = list(threads.map(lambda call: call(), calls))
    assert alice.until(lambda: alice.status(job_id), 200).status_code == 200
    return answers


@row(SUBMIT, "a bug; so with every call", "internal")
def test_bug(alice):
    answer = alice.submit(filename="bug.png")
    assert "mistake" not in answer.text
    assert "KeyError" not in answer.text
    return answer
