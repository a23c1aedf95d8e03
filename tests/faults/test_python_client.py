"""The service is killed and started again under the Python client: one job, one result, nothing for its user to do."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from tests.faults.checks import nothing_is_left
from tests.pictures import encoded, png
from tests.system import DOWN_S, FAST, UP_S, System
from upscaler_client import Client, Status

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

SIDE, SMALL_SIDE, LONG_SIDE = 700, 128, 1200
MB = 1 << 20


def noise() -> bytes:
    """An image of over a megabyte, whose result is many."""
    pixels = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels))


class Outage:
    """Kills all of the service once, when it is told, and starts it again meanwhile."""

    def __init__(self, system: System) -> None:
        self._system, self._starting = system, threading.Thread(target=system.start)
        self.has_begun = False

    def begin(self) -> None:
        if not self.has_begun:
            self.has_begun = True
            self._system.kill_everything()
            self._starting.start()

    def end(self) -> None:
        assert self.has_begun
        self._starting.join()


class Trap(io.BytesIO):
    """A file in memory that begins an outage when so much is in it."""

    def __init__(self, outage: Outage, at_bytes: int) -> None:
        super().__init__()
        self._outage, self._at_bytes = outage, at_bytes

    def write(self, data) -> int:
        written = super().write(data)
        if self.tell() > self._at_bytes:
            self._outage.begin()
        return written


@pytest.fixture
def outage(system) -> Outage:
    return Outage(system)


@pytest.fixture
def troubles() -> list[str]:
    return []


@contextmanager
def one_job_more(system: System) -> Iterator[None]:
    """There is the record of one job more in the end, and nothing else of it: what the client has, it has deleted."""
    before = set(system.storage.glob("tombstones/*.json"))
    yield
    assert len(set(system.storage.glob("tombstones/*.json")) - before) == 1
    assert nothing_is_left(system, 5)


@pytest.fixture(scope="module")
def expected(system) -> str:
    """The sha256 of the result when nothing happens."""
    with Client(system.url, patience_s=UP_S + DOWN_S) as client, one_job_more(system):
        return hashlib.sha256(client.upscale(noise(), model=FAST)).hexdigest()


def test_it_is_killed_in_the_middle_of_an_upload(system, expected, outage, troubles):
    def on_upload(sent_bytes: int, of_bytes: int) -> None:
        if sent_bytes > of_bytes / 2:
            outage.begin()

    assert len(noise()) > MB
    with Client(system.url, patience_s=UP_S + DOWN_S) as client, one_job_more(system):
        data = client.upscale(noise(), model=FAST, on_upload=on_upload, on_trouble=troubles.append)
        outage.end()
    assert hashlib.sha256(data).hexdigest() == expected
    assert troubles


def test_it_is_killed_when_all_is_sent_and_nothing_answered(system, expected, outage, troubles):
    def on_upload(sent_bytes: int, of_bytes: int) -> None:
        if sent_bytes == of_bytes:
            outage.begin()

    with Client(system.url, patience_s=UP_S + DOWN_S) as client, one_job_more(system):
        data = client.upscale(noise(), model=FAST, on_upload=on_upload, on_trouble=troubles.append)
        outage.end()
    assert hashlib.sha256(data).hexdigest() == expected
    assert troubles


def test_it_is_killed_when_the_job_is_on_disk_and_nothing_answered(system, tmp_path):
    """The hook kills the ingress. The submission that is repeated is told of the job that it has made."""
    image = tmp_path / "unanswered.png"
    image.write_bytes(png(4, SMALL_SIDE, SMALL_SIDE))
    troubles: list[str] = []
    with Client(system.url, patience_s=UP_S + DOWN_S) as client, one_job_more(system):
        client.upscale(image, model=FAST, on_trouble=troubles.append)
    assert (system.control / "unanswered").exists()
    assert troubles


def test_it_is_killed_in_the_middle_of_a_wait(system, outage, troubles):
    image, progress = png(5, LONG_SIDE, LONG_SIDE), []

    def on_progress(status: Status) -> None:
        progress.append(status.progress)
        if status.stage == "running":
            outage.begin()

    with Client(system.url, patience_s=UP_S + DOWN_S) as client:
        with one_job_more(system):
            data = client.upscale(image, model=FAST, on_progress=on_progress, on_trouble=troubles.append)
            outage.end()
        assert data == client.upscale(image, model=FAST)
    assert progress == sorted(progress)
    assert troubles


def test_it_is_killed_in_the_middle_of_a_download(system, expected, outage, troubles):
    with Client(system.url, patience_s=UP_S + DOWN_S) as client, one_job_more(system):
        job_id = client.submit(noise(), model=FAST)
        size_bytes = client.wait(job_id).file_size_bytes or 0
        assert size_bytes > 10 * MB  # more than kernels hold
        file = Trap(outage, size_bytes // 4)
        client.download_into(job_id, file, on_trouble=troubles.append)
        outage.end()
        client.delete(job_id)
    assert hashlib.sha256(file.getvalue()).hexdigest() == expected
    assert troubles


def test_it_is_not_there_yet_when_the_client_begins(system, outage):
    with Client(system.url, patience_s=UP_S + DOWN_S) as client, one_job_more(system):
        outage.begin()
        assert client.upscale(png(3, SMALL_SIDE, SMALL_SIDE), model=FAST)
        outage.end()
