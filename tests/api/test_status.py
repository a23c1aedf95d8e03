"""What is said of a job."""

from __future__ import annotations

import time

import httpx

from tests.api.rows import STATUS, conforms, row
from tests.api.test_busy import cancelled_afterwards
from tests.pictures import png


@row(STATUS, "the job waits", 200, "`stage` is `queued`; `queue_position`", example="queued")
def test_queued(alice, long_job, document):
    with cancelled_afterwards(alice) as answers:
        answers.append(alice.submit(png(1, 600, 600), model="realesrgan-x4plus"))
        answers.append(alice.submit(png(2, 600, 600), model="realesrgan-x4plus"))
        found = [alice.status(answer.json()["job_id"]) for answer in answers]
        for position, answer in enumerate(found, 1):
            conforms(answer.json(), "Processing", document)
            assert (answer.json()["stage"], answer.json()["queue_position"]) == ("queued", position)
        return found


@row(STATUS, "it is being computed", 200, "`stage` is `running`; `progress` never falls", example="running")
def test_running(alice, long_job, document):
    answer = alice.status(long_job)
    conforms(answer.json(), "Processing", document)
    assert answer.json()["stage"] == "running"
    assert answer.json()["eta_seconds"] > 0
    return answer


@row(STATUS, "it is completed", 200, "`download_url`, `expires_at`, `sha256`", example="completed")
def test_completed(alice, document):
    answer = alice.status(alice.completed(filename="cat.png"))
    conforms(answer.json(), "Completed", document)
    assert answer.json()["result"] == "available"
    assert answer.json()["download_url"]
    return answer


@row(STATUS, "it has failed, or was cancelled", 200, "`error`, `error_code`", example="cancelled")
def test_failed(alice, long_job, document):
    alice.cancel(long_job)
    answer = alice.status(long_job)
    conforms(answer.json(), "Failed", document)
    assert answer.json()["error_code"] == "cancelled"
    return answer


@row(
    STATUS,
    "`?wait=N` or `Prefer: wait=N`",
    200,
    "at once when it has ended, after N seconds otherwise",
    example="running",
)
def test_wait(alice, long_job):
    ended = alice.completed()
    started_at = time.monotonic()
    answers = [
        alice.status(ended, params={"wait": "30"}),
        alice.status(ended, headers={"Prefer": "wait=30"}),
        alice.status(long_job, params={"wait": "0"}),
    ]
    assert time.monotonic() - started_at < 20
    started_at = time.monotonic()
    answers.append(alice.status(long_job, headers={"Prefer": "respond-async, wait=1"}))
    assert time.monotonic() - started_at >= 1
    assert [answer.headers.get("preference-applied") for answer in answers] == [None, "wait=30", None, "wait=1"]
    return answers


@row(STATUS, "`wait` is no whole number of seconds", "invalid_wait")
def test_wait_for_what(alice, long_job):
    return [alice.status(long_job, params={"wait": value}) for value in ("soon", "", "-1", "1.5", "1e3")]


@row(STATUS, "`Accept: text/event-stream`", 200, "events `progress`, then `completed` or `failed`", example="completed")
def test_events(alice):
    job_id = alice.accepted(png(4, 200, 200))
    with alice.stream("GET", f"/api/v1/status/{job_id}", headers={"Accept": "text/event-stream"}) as answer:
        said = answer.read().decode()
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("event: ") for line in said.splitlines() if line.startswith("event: ")]
    assert events[-1] == "completed"
    assert set(events[:-1]) <= {"progress"}
    return answer


@row(STATUS, "it was downloaded", 200, "`result` says so; no `download_url`", example="downloaded")
def test_downloaded(alice, document):
    job_id = alice.completed()
    alice.download(job_id)
    alice.until_status(job_id, "result", "downloaded")  # once the edge knows that all of it has arrived
    return _gone(alice.status(job_id), "downloaded", document)


@row(STATUS, "its result was deleted", 200, "`result` says so; no `download_url`", example="deleted")
def test_deleted(alice, document):
    job_id = alice.completed()
    alice.cancel(job_id)
    return _gone(alice.status(job_id), "deleted", document)


def _gone(answer: httpx.Response, how: str, document) -> httpx.Response:
    conforms(answer.json(), "Completed", document)
    assert answer.json()["result"] == how
    assert not answer.json().keys() & {"download_url", "expires_at"}
    return answer


@row(STATUS, "the id is unknown, malformed, another key's, or forgotten", "job_not_found", "the same bytes for all")
def test_not_found(alice, bob):
    theirs, same = alice.completed(), {"X-Request-ID": "same"}
    ids = (theirs, "1769781953720134401", "1", "abc", "-1", "9" * 30, theirs + "0", "%2e%2e", "1\u0661")
    answers = [bob.status(job_id, headers=same) for job_id in ids]
    assert len({answer.content for answer in answers}) == 1
    assert bob.download(theirs, headers=same).content == answers[0].content
    assert bob.delete(f"/api/v1/status/{theirs}", headers=same).content == answers[0].content
    assert alice.status(theirs).status_code == 200
    return answers
