"""Who may ask, and from where. True of every call."""

from __future__ import annotations

import socket

import httpx

from tests.api.conftest import FRIEND, Caller
from tests.api.raw import Raw
from tests.api.rows import ANY, SUBMIT, row
from tests.faults.checks import REPLICA
from tests.pictures import png

PATHS = ("/api/v1/status/1", "/api/v1/download/1", "/api/v1/models", "/api/v1/limits")


@row(
    ANY,
    "keys are on, and the request has none, or a wrong one",
    "unauthorized",
    "told from the headers, before the body is read",
)
def test_no_key(anybody, system):
    wrong = ({"Authorization": "Bearer wrong"}, {"X-API-Key": "wrong"}, {"Authorization": "Basic YTpi"})
    with Raw(system.port) as raw:
        unread = raw.send(
            b"POST /api/v1/upscale HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
        ).answer()
    answers = [anybody.get(path) for path in PATHS]
    answers += [anybody.get(PATHS[0], headers=headers) for headers in wrong]
    answers += [anybody.submit(), anybody.submit(headers=wrong[0]), anybody.cancel("1"), unread]
    assert all(answer.headers["www-authenticate"] == "Bearer" for answer in answers)
    return answers


@row(SUBMIT, "a key as `Authorization: Bearer …` or as `X-API-Key`", 202, example="accepted")
def test_key(anybody):
    said = ({"Authorization": "bearer secret of alice"}, {"X-API-Key": "secret of alice"})
    return [anybody.submit(headers=headers) for headers in said]


@row(ANY, "`Host` is not among `access.hosts`", "host_not_allowed")
def test_host(alice):
    hosts = ("evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io:80")
    return [alice.get(path, headers={"Host": host}) for host in hosts for path in (*PATHS, "/docs")]


@row(ANY, "from a web page of another site that is not among `access.origins`", "origin_not_allowed")
def test_origin(alice):
    pages = ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"})
    return [answer for page in pages for answer in (alice.get(PATHS[0], headers=page), alice.submit(headers=page))]


@row(ANY, "from a page of an allowed origin, or of this service itself", 200, "the first with CORS headers")
def test_allowed_origin(alice, system):
    theirs = alice.get("/api/v1/models", headers={"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"})
    assert theirs.headers["access-control-allow-origin"] == FRIEND
    assert "Content-Disposition" in theirs.headers["access-control-expose-headers"]
    refused = alice.get("/api/v1/status/1", headers={"Origin": FRIEND})
    assert refused.headers["access-control-allow-origin"] == FRIEND  # so that the page can read why
    ours = alice.get("/api/v1/models", headers={"Origin": system.url})
    assert "access-control-allow-origin" not in ours.headers
    return [theirs, ours]


@row(ANY, "`OPTIONS` as a preflight of an allowed origin", 204, "without a key")
def test_preflight(anybody):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = anybody.options("/api/v1/upscale", headers={"Origin": FRIEND, **asked})
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert anybody.options("/api/v1/upscale", headers={"Origin": "https://evil.example", **asked}).status_code == 403
    return answer


@row(ANY, "no such address", "not_found")
def test_not_found(alice):
    return [alice.get(path) for path in ("/nowhere", "/api", "/api/v1/status/", "/api/v1/models/", "/api/v2/limits")]


@row(ANY, "the address is right, the method is not", "method_not_allowed", "`Allow`")
def test_method(alice):
    answers = [alice.get("/api/v1/upscale"), alice.post("/api/v1/status/1"), alice.put("/api/v1/models")]
    assert [answer.headers["allow"] for answer in answers] == ["POST", "DELETE, GET", "GET"]
    return answers


@row(ANY, "`X-Request-ID` of 1 to 64 letters, digits, `.`, `_`, `-`", 200, "comes back; another one is replaced")
def test_request_id(alice):
    answers = []
    for said, kept in (("mine_1.2-3", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("", False)):
        answers.append(answer := alice.get("/api/v1/limits", headers={"X-Request-ID": said}))
        assert (answer.headers["x-request-id"] == said) == kept
    return answers


def test_a_server_that_is_asked_by_its_address_answers_probes(system):
    """Machines that look whether it lives know no name."""
    for path in ("/healthz", "/readyz"):
        assert httpx.get(f"{system.url}{path}", headers={"Host": "10.0.0.7"}).status_code == 200


def test_a_page_that_points_its_name_here_learns_nothing(system, alice):
    """DNS rebinding: the browser says the page's own name."""
    job_id = alice.completed(png(1))
    with socket.create_connection(("127.0.0.1", system.port)) as connection:
        connection.sendall(f"GET /api/v1/download/{job_id} HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 400"
    assert alice.status(job_id).json()["result"] == "available"


def test_a_key_that_floods_the_service_does_not_keep_another_waiting(system, alice):
    """Keys take turns by the work that was done for each."""
    with Caller(system.url, "bob") as bob:
        with system.paused(REPLICA):
            flood = [alice.accepted(png(seed, 200, 200)) for seed in range(20)]
            theirs = bob.accepted(png(99, 200, 200))
            assert bob.status(theirs).json()["queue_position"] <= 3
        bob.status(theirs, params={"wait": "60"})
        waiting = [job_id for job_id in flood if alice.status(job_id).json()["status"] == "processing"]
        for job_id in flood:
            alice.cancel(job_id)
        assert len(waiting) >= 8
