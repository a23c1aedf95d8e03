"""Jobs that are no longer wanted."""

from __future__ import annotations

from tests.api.rows import DELETE, conforms, row
from tests.pictures import png


@row(DELETE, "the job waits", 200, "cancelled", example="cancelled")
def test_queued(alice, long_job, document):
    job_id = alice.accepted(png(1, 600, 600), model="realesrgan-x4plus")
    answer = alice.cancel(job_id)
    conforms(answer.json(), "Failed", document)
    assert answer.json()["error_code"] == "cancelled"
    return [answer, alice.cancel(job_id)]


@row(DELETE, "it is being computed", 202, "cancelled; it stops within seconds", example="cancelled")
def test_running(alice, long_job):
    answer = alice.cancel(long_job)
    assert answer.json()["error_code"] == "cancelled"
    assert alice.cancel(long_job).status_code == 200  # a repeat is never an error
    return answer


@row(DELETE, "it is completed", 200, "the result is deleted at once", example="deleted")
def test_completed(alice, system):
    job_id = alice.completed()
    answer = alice.cancel(job_id)
    assert answer.json()["result"] == "deleted"
    assert not list((system.storage / "jobs").glob(f"{job_id}/result*"))
    return [answer, alice.cancel(job_id)]


@row(DELETE, "its result is gone, or it has failed", 200, "nothing changes", example="downloaded")
def test_gone(alice):
    job_id = alice.completed()
    alice.download(job_id)
    answer = alice.cancel(job_id)
    assert answer.json()["result"] == "downloaded"
    return answer


@row(DELETE, "the id is unknown", "job_not_found")
def test_unknown(alice, bob):
    theirs = alice.completed()
    answers = [alice.cancel("1769781953720134401"), bob.cancel(theirs)]
    assert alice.status(theirs).json()["result"] == "available"
    return answers
