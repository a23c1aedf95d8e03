"""Clients that reset, stall, flood and come all at once. Results are planted, so that they are as large as wanted."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL.PngImagePlugin import PngInfo

from tests.faults.checks import INGRESS, PROXY, REPLICA, nothing_is_left
from tests.faults.clients import Client, History
from tests.faults.sockets import Rude
from tests.pictures import encoded, picture
from tests.system import FAST, System

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

SIZES, SHARES, NUM_STALLED = (122_000, 5_000_000, 64_000_000), (0.0, 0.01, 0.5, 0.9), 8
MB = 1 << 20
MAX_UPLOAD = 32 * MB


@pytest.fixture(scope="module")
def planted() -> dict[int, list[str]]:
    """Ids of completed jobs, by the size of their results."""
    return {}


@pytest.fixture(scope="module")
def results() -> dict[int, bytes]:
    return {size_bytes: os.urandom(size_bytes) for size_bytes in SIZES}


@pytest.fixture(scope="module")
def system(tmp_path_factory, planted, results) -> Iterator[System]:
    system = System(Path(tmp_path_factory.mktemp("faults")))
    for size_bytes, data in results.items():
        planted[size_bytes] = [system.plant(data) for _ in range(len(SHARES) + 1)]
    planted[0] = [system.plant(results[SIZES[-1]]) for _ in range(NUM_STALLED)]
    try:
        system.start()
        yield system
    finally:
        system.kill_everything()


def status(system: System, job_id: str) -> dict:
    return httpx.get(f"{system.url}/api/v1/status/{job_id}", timeout=10).json()


def settled(system: System, job_id: str) -> str:
    """What became of the result, once nobody downloads it any more."""
    give_up_at = time.monotonic() + 5
    while (result := status(system, job_id)["result"]) == "downloading":
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    return result


@pytest.mark.parametrize("size_bytes", SIZES)
@pytest.mark.parametrize("share", SHARES)
def test_a_reset_loses_nothing_and_a_whole_download_leaves_nothing(system, planted, results, size_bytes, share):
    job_id = planted[size_bytes].pop()
    path = f"/api/v1/download/{job_id}"
    client = Rude(system.port).get(path)
    if share:
        assert client.read(int(share * size_bytes)) == int(share * size_bytes)
    client.reset()
    assert settled(system, job_id) == "available"
    answer = httpx.get(system.url + path, timeout=60)
    assert answer.content == results[size_bytes]
    finished_at = time.monotonic()
    while (system.storage / "jobs" / job_id).exists():
        assert time.monotonic() - finished_at < 1
    assert settled(system, job_id) == "downloaded"


def test_of_fifty_one_gets_the_body(system, planted, results):
    size_bytes = SIZES[1]
    job_id = planted[size_bytes].pop()
    url = f"{system.url}/api/v1/download/{job_id}"
    for _ in range(100):
        assert httpx.head(url).status_code == 200
    assert httpx.get(url, headers={"Sec-Purpose": "prefetch"}).status_code == 403
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: httpx.get(url, timeout=60, headers={"Range": "bytes=0-9"}), range(50)))
    bodies = [answer.content for answer in answers if answer.status_code == 200]
    assert bodies == [results[size_bytes]]
    assert {answer.status_code for answer in answers} <= {200, 409, 410}


def test_stalled_readers_hold_up_nobody_and_no_memory(system, planted):
    before = {title: system.rss_bytes(title) for title in (PROXY, INGRESS)}
    readers = [Rude(system.port).get(f"/api/v1/download/{job_id}") for job_id in planted[0]]
    for reader in readers:
        reader.read(100_000)
    answer = httpx.get(f"{system.url}/api/v1/status/1", timeout=5)
    assert answer.status_code == 404
    for title, rss_bytes in before.items():
        assert system.rss_bytes(title) - rss_bytes < 100 * MB
    give_up_at = time.monotonic() + 60  # after 30 s they count as gone
    while any(status(system, job_id)["result"] == "downloading" for job_id in planted[0]):
        assert time.monotonic() < give_up_at
        time.sleep(0.5)
    assert {status(system, job_id)["result"] for job_id in planted[0]} == {"available"}
    for reader in readers:
        reader.close()


def test_bodies_that_are_too_large_are_refused_at_once(system):
    before = {title: system.rss_bytes(title) for title in (PROXY, INGRESS)}

    def post(announced_bytes: int | None) -> tuple[str, float]:
        client = Rude(system.port)
        started_at = time.monotonic()
        try:
            return client.post_endlessly("/api/v1/upscale", announced_bytes), time.monotonic() - started_at
        finally:
            client.close()

    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(post, [200 * MB] * 3))
    assert max(seconds for _, seconds in answers) < 1
    answers.append(post(None))
    assert {answer for answer, _ in answers} == {"HTTP/1.1 413"}
    for title, rss_bytes in before.items():
        assert system.rss_bytes(title) - rss_bytes < 100 * MB


def test_two_hundred_large_uploads_at_once(system):
    """None is a picture: what is not refused for its size in all is refused for what it is."""
    body = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + bytes(31 * MB)
    body += b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    peak = 0

    def post(_: int) -> int:
        answer = httpx.post(f"{system.url}/api/v1/upscale", content=body, headers=headers, timeout=120)
        assert answer.status_code != 503 or answer.headers["retry-after"]
        return answer.status_code

    with ThreadPoolExecutor(200) as threads:
        answers = [threads.submit(post, number) for number in range(200)]
        while not all(answer.done() for answer in answers):
            peak = max(peak, system.rss_bytes(PROXY, INGRESS))
            time.sleep(0.1)
    codes = [answer.result() for answer in answers]
    print(f"{codes.count(503)} of 200 refused; proxy and ingress together {peak / MB:.0f} MiB at most")
    assert set(codes) <= {415, 503}
    assert peak < 400e6


def test_a_thousand_submissions_at_once(system):
    """A small picture with a long comment: 122 kB to carry, and little to compute."""
    comment = PngInfo()
    comment.add_text("Comment", secrets.token_hex(60_000))
    data = encoded(picture(1), pnginfo=comment)
    before = system.rss_bytes(PROXY, INGRESS, REPLICA)

    def post(_: int) -> httpx.Response:
        form = {"image": ("p.png", data)}
        return httpx.post(f"{system.url}/api/v1/upscale", files=form, data={"model": FAST}, timeout=120)

    with ThreadPoolExecutor(250) as threads:
        answers = list(threads.map(post, range(1000)))
    assert {answer.status_code for answer in answers} <= {202, 503}
    assert all(answer.headers["retry-after"] for answer in answers)
    accepted = [History(answer.json()["job_id"], None) for answer in answers if answer.status_code == 202]
    grown = system.rss_bytes(PROXY, INGRESS, REPLICA) - before
    print(f"{len(accepted)} of 1000 accepted; {grown / MB:.0f} MiB more")
    assert grown < 600 * MB
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(Client(system).finish, accepted))
    assert {history.sha256 for history in accepted} == {accepted[0].sha256}
    for history in accepted:
        history.check()
    for number in planted_left(system):
        httpx.delete(f"{system.url}/api/v1/status/{number}")
    assert nothing_is_left(system, 30)


def planted_left(system: System) -> list[str]:
    return sorted({path.parent.name for path in system.files()})
