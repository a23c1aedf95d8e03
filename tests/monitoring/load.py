"""What is asked of the service, so that there is something to be seen of everything."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import ray
from PIL import Image

from deployments.jobs.messages import ACTOR_NAME, Grant, Report
from deployments.jobs.record import new_job_id
from deployments.jobs.remote import NAMESPACE
from tests.pictures import encoded, picture, png
from tests.service.calls import fetched, finished, submit

FAST = "realesr-animevideov3"
NAME, NOWHERE = "a-name-of-a-file.png", "a-place/that-is-nowhere"
HOUR_S, LEASE_WAIT_S = 3600.0, 30.0


@dataclass(frozen=True)
class Service:
    """Where the running service answers, and where it keeps its files."""

    url: str
    storage: Path

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60)


def one_of_each(service: Service, seed: int) -> Counter[str]:
    """Jobs and requests of every kind; how many of each there were, by what the figures call them."""
    with service.client() as client:
        done = [submit(client, data) for data in (png(seed), _transparent(seed), _deep(seed), png(seed + 1, 200, 200))]
        for job_id in done:
            assert finished(client, job_id)["status"] == "completed"
        for job_id in done[:2]:
            fetched(client, job_id)
        assert client.get(f"/api/v1/download/{done[2]}?keep=1").status_code == httpx.codes.OK
        assert client.delete(f"/api/v1/status/{done[2]}").status_code == httpx.codes.OK
        _break_off(service.url, done[3])
        cancelled = submit(client, png(seed + 2, 400, 400))
        assert client.delete(f"/api/v1/status/{cancelled}").status_code == httpx.codes.ACCEPTED
        assert finished(client, cancelled)["error_code"] == "cancelled"
        assert client.post("/api/v1/upscale", files={"image": (NAME, b"no picture")}).is_client_error
        assert client.get("/api/v1/status/1").is_client_error
        assert client.get(f"/{NOWHERE}").is_client_error
        by_the_edge = client.get("/api/v1/status/1", headers={"Host": "other.example"})
        assert by_the_edge.status_code == httpx.codes.BAD_REQUEST
    return Counter(
        {"accepted": 5, "completed": 4, "cancelled": 1, "delivered": 2, "kept": 1, "aborted": 1}
        | {"unsupported_image_format": 1, "job_not_found": 1, "not_found": 1, "host_not_allowed": 1}
    )


def _transparent(seed: int) -> bytes:
    """Its alpha has edges, and so goes through the model as well."""
    image = picture(seed).convert("RGBA")
    image.putalpha(picture(seed + 1).convert("L").point(lambda level: 255 * (level > 127)))
    return encoded(image)


def _deep(seed: int) -> bytes:
    """16 bits a channel."""
    return encoded(Image.fromarray(np.asarray(picture(seed).convert("L")).astype(np.uint16) * 257))


def _break_off(url: str, job_id: str) -> None:
    """Begin a download and leave. The socket takes little, so that the kernel cannot have taken all."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect(("127.0.0.1", urlsplit(url).port))
        client.sendall(f"GET /api/v1/download/{job_id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert client.recv(512).startswith(b"HTTP/1.1 200")


class Sleeper:
    """A holder that is heard of and does not get on."""

    def __init__(self, grant: Grant) -> None:
        self.job_id = grant.job_id
        self._grant, self._store = grant, ray.get_actor(ACTOR_NAME, NAMESPACE)

    def report(self) -> None:
        ray.get(self._store.report.remote({self._grant.job_id: Report(self._grant.fence, 40)}))


def asleep(service: Service, seed: int) -> Sleeper:
    """The store serves the emptiest first, so who claims to have less than nothing gets the next job."""
    store = ray.get_actor(ACTOR_NAME, NAMESPACE)
    granted = store.lease.remote("sleeper", -1.0, LEASE_WAIT_S)
    with service.client() as client:
        job_id = submit(client, png(seed))
    grant = ray.get(granted, timeout=LEASE_WAIT_S)
    assert grant.job_id == job_id
    return Sleeper(grant)


@contextlib.contextmanager
def forgotten_folder(service: Service) -> Iterator[None]:
    """A picture of an hour ago beside a record that nobody can read."""
    folder, before = service.storage / "jobs" / new_job_id(), time.time() - HOUR_S
    folder.mkdir()
    for name in ("input", "job.json"):
        (folder / name).write_bytes(b"?")
        os.utime(folder / name, (before, before))
    yield
    for name in ("input", "job.json"):
        (folder / name).unlink()
    folder.rmdir()
