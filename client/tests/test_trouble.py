"""What passes is tried again, with pauses that grow, and not for ever. No test sleeps."""

from __future__ import annotations

import io

import httpx
import pytest

from client.tests.double import PNG, RESULT, cut, refused, said, spoilt, unanswered, unreachable
from upscaler_client import DigestMismatchError, OutOfTimeError, RefusedError, ServiceUnreachableError
from upscaler_client.exchange import Answer, Lost
from upscaler_client.retries import Verdict, verdict_of

PASSING = [
    unreachable,
    unanswered,
    refused(503, "unavailable", 2),
    refused(503, "queue_full", 10),
    refused(429, "too_many_jobs", 10),
    refused(408, "body_too_slow"),
    refused(409, "upload_in_progress", 2),
    said(502, "<html>Bad gateway</html>"),
    said(504, ""),
    said(503, "Internal"),
    said(404, "Path '/api/v1/upscale' not found. Ping http://.../-/routes for available routes."),
]


@pytest.mark.parametrize("trouble", PASSING)
def test_a_submission_is_repeated_and_is_one_job(client, service, trouble):
    service.troubles["post"] = [trouble, trouble, trouble]
    troubles = []
    assert client.upscale(PNG, on_trouble=troubles.append) == RESULT
    assert len(service.calls("POST")) == 4
    assert len({request.headers["idempotency-key"] for request in service.seen[:4]}) == 1
    assert len(service.jobs) == 1
    assert len(troubles) == 3


def test_two_submissions_are_two_jobs(client, service):
    assert client.submit(PNG) != client.submit(PNG)


def test_the_connection_breaks_everywhere(client, service):
    service.troubles = {
        "post": [unanswered],
        "status": [unreachable, unanswered],
        "download": [unreachable, cut(0), cut(100_000), refused(409, "download_in_progress", 1)],
        "delete": [unanswered],
    }
    assert client.upscale(PNG) == RESULT
    assert len(service.jobs) == 1
    assert len(service.calls("DELETE")) == 2


def test_pauses_grow_and_obey(client, service, clock):
    service.troubles["post"] = [unreachable] * 8 + [refused(503, "queue_full", 20)]
    client.submit(PNG)
    *grown, asked = clock.pauses
    for number, pause_s in enumerate(grown):
        longest_s = min(5.0, 0.3 * 2**number)
        assert longest_s / 2 <= pause_s <= longest_s
    assert 20 <= asked <= 22


@pytest.mark.parametrize("asked", ["86400", "-5", "soon"])
def test_a_foolish_retry_after_is_not_obeyed(client, service, clock, asked):
    service.troubles["post"] = [said(503, "", **{"Retry-After": asked})]
    client.submit(PNG)
    assert clock.pauses[0] <= 66


def test_patience_ends(make_client, service, clock):
    service.troubles["post"] = [unreachable] * 1000
    with pytest.raises(ServiceUnreachableError, match=r"ConnectError: nobody listens \(request \w+\)$") as error:
        make_client(patience_s=60).upscale(PNG)
    assert 50 < clock.now - 1000 <= 60
    assert error.value.request_id == service.seen[0].headers["x-request-id"]


def test_patience_begins_anew_with_each_good_answer(make_client, service):
    service.polls = 30
    service.troubles["status"] = [trouble for _ in range(20) for trouble in ([unreachable] * 5 + [lambda go: go()])]
    assert make_client(patience_s=20).upscale(PNG) == RESULT


def test_a_service_that_is_full_is_there(make_client, service):
    service.troubles["post"] = ([unreachable] * 3 + [refused(503, "queue_full", 20)]) * 5
    assert make_client(patience_s=20).upscale(PNG) == RESULT


def test_a_full_service_has_more_patience(make_client, service, clock):
    service.troubles["post"] = [refused(429, "too_many_jobs", 10)] * 1000
    with pytest.raises(RefusedError) as error:
        make_client(patience_s=60, queueing_s=600).upscale(PNG)
    assert error.value.code == "too_many_jobs"
    assert 500 < clock.now - 1000 <= 600


def test_a_network_that_stays_too_slow(make_client, service, clock):
    service.troubles["post"] = [refused(408, "body_too_slow")] * 1000
    with pytest.raises(RefusedError) as error:
        make_client(patience_s=60).upscale(PNG)
    assert error.value.code == "body_too_slow"
    assert clock.now - 1000 <= 60


def test_the_time_limit_is_for_the_whole_call(make_client, service, clock):
    service.polls = 10_000
    with pytest.raises(OutOfTimeError, match=r"within 90 s\. \(job 1000000000000000000\)") as error:
        make_client().upscale(PNG, timeout_s=90)
    assert 80 < clock.now - 1000 <= 90
    assert error.value.job_id in service.jobs


def test_the_time_limit_ends_a_download(make_client, service, clock):
    job_id = make_client().submit(PNG)
    make_client().wait(job_id)

    class SlowFile:
        def seek(self, _): ...
        def truncate(self): ...
        def write(self, _):
            clock.sleep(10)

    with pytest.raises(OutOfTimeError):
        make_client().download_into(job_id, SlowFile(), timeout_s=35)
    assert clock.now - 1000 < 60


def test_the_time_limit_ends_an_upload(client, clock):
    with pytest.raises(OutOfTimeError):
        client.submit(PNG, timeout_s=5, on_upload=lambda *_: clock.sleep(3))


def test_a_damaged_result_is_downloaded_again(client, service):
    service.troubles["download"] = [spoilt(RESULT[:-1]), spoilt(b"y" + RESULT[1:])]
    assert client.upscale(PNG) == RESULT
    assert not any(job.result for job in service.jobs.values())


@pytest.mark.parametrize("body", [RESULT[:-1], b"y" + RESULT[1:], RESULT + b"y"])
def test_a_result_that_is_never_right_is_not_deleted(client, service, body):
    service.troubles["download"] = [spoilt(body)] * 3
    with pytest.raises(DigestMismatchError):
        client.upscale(PNG)
    assert not service.calls("DELETE")


def test_no_more_is_taken_than_was_announced(client, service):
    job_id = client.submit(PNG)
    client.wait(job_id)
    service.troubles["download"] = [spoilt(RESULT * 20)]
    file = io.BytesIO()
    with pytest.raises(DigestMismatchError):
        client.download_into(job_id, file)
    assert len(file.getvalue()) <= len(RESULT)


def test_a_result_under_the_digest_of_another(client, service):
    other = {"Repr-Digest": "sha-256=:" + "A" * 43 + "=:"}
    service.troubles["download"] = [lambda _: httpx.Response(200, content=RESULT, headers=other)] * 3
    with pytest.raises(DigestMismatchError):
        client.upscale(PNG)


def test_a_digest_that_the_status_does_not_know(client, service):
    job_id = client.submit(PNG)
    service.jobs[job_id].result = RESULT[::-1]
    client.wait(job_id)
    with pytest.raises(DigestMismatchError):
        client.download(job_id)


def test_a_result_that_has_arrived_is_not_lost_with_the_service(client, service, clock):
    service.troubles["delete"] = [unreachable] * 1000
    troubles = []
    assert client.upscale(PNG, on_trouble=troubles.append) == RESULT
    assert clock.now - 1000 < 15
    assert "will expire there" in troubles[-1]


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 405, 410, 413, 415, 422, 500, 501])
def test_what_is_final(status):
    assert verdict_of(Answer(status, {}, b'{"code": "a_code"}')) is Verdict.FINAL
    assert verdict_of(Answer(status, {}, b"<html>")) is Verdict.FINAL


def test_other_verdicts():
    assert verdict_of(Answer(202, {})) is Verdict.GOOD
    assert verdict_of(Lost("gone")) is Verdict.AWAY
    assert verdict_of(Answer(409, {}, b'{"code": "not_ready"}')) is Verdict.FINAL
    assert verdict_of(Answer(409, {}, b'{"code": "job_failed"}')) is Verdict.FINAL
    assert verdict_of(Answer(503, {}, b'{"code": "draining"}')) is Verdict.BUSY
