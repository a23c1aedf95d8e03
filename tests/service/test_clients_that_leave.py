"""Clients hang up when it suits them: after the last byte, before it, or as soon as they have submitted."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest

from tests.pictures import png
from tests.service.calls import eventually, finished, submit

pytestmark = pytest.mark.service


def request(url: str, head: str, body: bytes = b"") -> socket.socket:
    """A connection on which a request has been sent."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port), timeout=30)
    connection.sendall(f"{head}\r\nHost: {address.netloc}\r\n\r\n".encode() + body)
    return connection


def read_exactly_one_answer(connection: socket.socket) -> tuple[bytes, bytes]:
    """Head and body, and not a moment longer: as curl does."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536)
    head, body = data.split(b"\r\n\r\n", 1)
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65_536)
    return head, body


def test_a_complete_download_is_consumed_however_soon_the_client_hangs_up(service, client):
    job_ids = [submit(client, png(seed, 40, 40)) for seed in range(30)]
    for job_id in job_ids:
        document = finished(client, job_id)
        with request(service.url, f"GET /api/v1/download/{job_id} HTTP/1.1") as connection:
            head, body = read_exactly_one_answer(connection)
        assert head.startswith(b"HTTP/1.1 200")
        assert len(body) == document["file_size_bytes"]

    def outcomes() -> set[int]:
        return {client.get(f"/api/v1/download/{job_id}").status_code for job_id in job_ids}

    eventually(lambda: outcomes() <= {409, 410} and 409 not in outcomes(), "all are consumed")
    for job_id in job_ids:
        assert not (service.storage / "jobs" / job_id).exists()


def test_clients_that_leave_while_they_submit_hold_up_nobody(service, client):
    form = httpx.Request("POST", service.url, files={"image": ("p.png", png(7, 40, 40))})
    body = form.read()
    head = (
        f"POST /api/v1/upscale HTTP/1.1\r\nContent-Type: {form.headers['content-type']}\r\nContent-Length: {len(body)}"
    )
    slowest_s = 0.0
    for round_ in range(25):
        with request(service.url, head, body):
            time.sleep(0.004 + 0.001 * round_)
        started_at = time.monotonic()
        assert finished(client, submit(client, png(round_, 30, 30)))["status"] == "completed"
        slowest_s = max(slowest_s, time.monotonic() - started_at)
    assert slowest_s < 14  # less than a lease: nothing was waited out


def test_every_answer_has_one_request_id(client):
    answer = client.get("/api/v1/status/1", headers={"X-Request-ID": "mine-1"})
    assert answer.headers.get_list("x-request-id") == ["mine-1"]
    assert answer.json()["instance"] == "mine-1"
    answer = client.get("/api/v1/status/1")
    assert answer.headers.get_list("x-request-id") == [answer.json()["instance"]]


def test_a_trailing_slash_is_another_address_and_leads_nowhere(client):
    answer = client.get("/api/v1/status/1/")
    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_a_name_that_is_not_its_own_is_not_answered_to(client):
    answer = client.get("/api/v1/status/1", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (400, "host_not_allowed")
