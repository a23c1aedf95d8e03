"""The calls, when all goes well; and what is said when the answer is no."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from client.tests.double import PNG, RESULT, refused, said
from upscaler_client import ImageFacts, JobFailedError, RefusedError, Status, UnexpectedAnswerError


def test_upscale_returns_the_result_and_leaves_none(client, service):
    assert client.upscale(PNG) == RESULT
    (job,) = service.jobs.values()
    assert (job.image, job.fields, job.result) == (PNG, {"scale": "4"}, None)
    assert service.calls("GET")[-1] == f"/api/v1/download/{job.job_id}?keep=1"
    assert service.calls("DELETE") == [f"/api/v1/status/{job.job_id}"]


def test_a_file_and_every_option_are_sent(client, service, tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    client.upscale(path, 2, model="m", format="jpeg", quality=80, metadata="keep")
    (job,) = service.jobs.values()
    assert job.image == PNG
    assert job.fields == {"scale": "2", "model": "m", "format": "jpeg", "quality": "80", "metadata": "keep"}
    assert b'filename="cat.png"' in service.seen[0].content


def test_what_happens_is_told(client):
    uploaded, progress = [], []
    client.upscale(PNG, on_upload=lambda *sent: uploaded.append(sent), on_progress=progress.append)
    assert uploaded == sorted(uploaded)
    assert uploaded[-1][0] == uploaded[-1][1] > len(PNG)
    assert [status.status for status in progress] == ["processing", "processing", "completed"]
    assert (progress[0].progress, progress[0].stage, progress[0].eta_seconds) == (40, "running", 70)
    assert progress[2].output == ImageFacts(96, 80, "png")


def test_the_calls_one_by_one(client, service):
    job_id = client.submit(PNG, 3)
    assert not client.status(job_id).has_ended
    assert client.wait(job_id).has_ended
    file = io.BytesIO(b"x" * 1_000_000)  # longer than the result
    assert client.download_into(job_id, file).sha256
    assert file.getvalue() == RESULT
    assert service.jobs[job_id].result == RESULT  # it stays
    assert client.download(job_id) == RESULT
    assert client.delete(job_id).result == "deleted"
    with pytest.raises(RefusedError) as error:
        client.download(job_id)
    assert error.value.code == "deleted"


def test_a_watched_wait_polls_more_often(client, service):
    job_id = client.submit(PNG)
    client.wait(job_id)
    service.jobs[job_id].polls_left = 0
    client.wait(job_id, on_progress=lambda status: None)
    waits = [path.partition("?")[2] for path in service.calls("GET")]
    assert waits == ["wait=30"] * 3 + ["wait=2"]


def test_a_service_that_answers_without_waiting_is_not_flooded(client, service, clock):
    service.polls = 60
    client.wait(client.submit(PNG))
    assert clock.pauses == sorted(clock.pauses)
    assert clock.pauses[-1] == 5
    assert sum(clock.pauses) > 200


def test_a_job_that_fails(client, service):
    job_id = client.submit(PNG)
    service.jobs[job_id].error_code = "invalid_image"
    for call in (client.wait, client.download):
        with pytest.raises(JobFailedError, match=rf"^upscale failed: no \(job {job_id}\)$") as error:
            call(job_id)
        assert error.value.error_code == "invalid_image"
    assert client.status(job_id).error_code == "invalid_image"


def test_a_refusal_has_all_that_the_service_says(client, service):
    service.troubles["post"] = [refused(422, "image_too_large", width=9000, limit=25)]
    with pytest.raises(RefusedError) as error:
        client.upscale(PNG)
    refusal = error.value
    assert (refusal.status, refusal.code, refusal.title) == (422, "image_too_large", "A title")
    assert refusal.facts == {"width": 9000, "limit": 25}
    assert str(refusal) == "A sentence about image_too_large. (request r-1)"
    assert len(service.seen) == 1


@pytest.mark.parametrize("code", ["result_lost", "internal"])
def test_a_fault_of_the_service_is_final(client, service, code):
    job_id = client.submit(PNG)
    client.wait(job_id)
    service.troubles["download"] = [refused(500, code)]
    with pytest.raises(RefusedError) as error:
        client.download(job_id)
    assert (error.value.code, error.value.job_id) == (code, job_id)


def test_a_redirect_is_not_followed(make_client, service):
    service.troubles["post"] = [said(307, "", location="http://elsewhere.test/")]
    with pytest.raises(RefusedError) as error:
        make_client(key="secret").upscale(PNG)
    assert error.value.status == 307
    assert {request.url.host for request in service.seen} == {"upscaler.test"}


@pytest.mark.parametrize("text", ["<html>", "[]", '{"success": true}', '{"job_id": "../../x"}', "x" * 2_000_000])
def test_an_answer_of_something_else(client, service, text):
    service.troubles["post"] = [said(200, text)]
    with pytest.raises(UnexpectedAnswerError):
        client.upscale(PNG)


def test_a_page_that_is_not_there_is_the_wrong_address(client, service):
    service.troubles["post"] = [said(404, "<html>no such page</html>")]
    with pytest.raises(RefusedError, match=r"^POST /api/v1/upscale was answered by 404\. \(request \w+\)$"):
        client.upscale(PNG)


def test_a_job_id_cannot_lead_to_another_address(client, service):
    with pytest.raises(RefusedError):
        client.status("../../healthz?x")
    assert service.calls("GET") == ["/api/v1/status/..%2F..%2Fhealthz%3Fx"]


def test_a_file_that_is_not_there(client, service, tmp_path):
    with pytest.raises(FileNotFoundError):
        client.upscale(tmp_path / "none.png")
    assert not service.seen


def test_a_status_is_read_with_care():
    status = Status.of(
        {
            "job_id": "1",
            "status": "completed",
            "created_at": "2026-01-30T14:05:53.720+00:00",
            "expires_at": "soon",
            "progress": "100",
            "attempt": True,
            "input": {"width": 1},
            "new": 1,
        }
    )
    assert status == Status(
        job_id="1", status="completed", created_at=datetime(2026, 1, 30, 14, 5, 53, 720_000, tzinfo=UTC)
    )
    for document in ({"job_id": "1", "status": "done"}, {"status": "failed"}, {"job_id": 1, "status": "failed"}):
        with pytest.raises(UnexpectedAnswerError):
            Status.of(document)
