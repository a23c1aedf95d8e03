"""A storage of 64 MB that fills up: what is accepted is done, and the rest is refused before it is accepted."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.checks import all_end_well, nothing_is_left, reached
from tests.faults.clients import Client, History
from tests.pictures import png
from tests.system import BEST, FAST, System

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def system(tmp_path_factory) -> Iterator[System]:
    folder = Path(tmp_path_factory.mktemp("faults"))
    small = folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(small)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    system = System(folder, storage=small / "storage")
    try:
        system.start()
        yield system
    finally:
        system.kill_everything()
        subprocess.run(["umount", str(small)], check=True)


def post(system: System, data: bytes) -> httpx.Response:
    return httpx.post(
        f"{system.url}/api/v1/upscale", files={"image": ("p.png", data)}, data={"model": FAST}, timeout=30
    )


def test_more_than_there_is_room_for(system, client):
    """Thirty at once, each promised nearly 6 MB: those that find no room are told so and come again."""
    histories: list[History] = []

    def one(seed: int) -> None:
        client = Client(system)
        history = client.submit(png(seed, 300, 300), FAST)
        client.finish(history)
        histories.append(history)
        assert set(client.statuses) <= {200, 202, 503}

    threads = [threading.Thread(target=one, args=(seed,)) for seed in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(histories) == 30
    for history in histories:
        history.check()
    assert nothing_is_left(system, 30)


def test_somebody_else_takes_all_the_room(system, client):
    accepted = [client.submit(png(50, 300, 300), BEST), *(client.submit(png(s, 300, 300), FAST) for s in range(4))]
    reached(client, accepted[0], 10)
    ballast = system.storage.parent / "ballast"
    with ballast.open("wb") as file:
        try:
            while file.write(bytes(1 << 16)):
                file.flush()
        except OSError:
            pass
    full_until = time.monotonic() + 25
    while time.monotonic() < full_until:
        answer = post(system, png(60, 128, 128))
        assert answer.status_code == 503, answer.text
        assert answer.headers["retry-after"]
        assert all(client.look(history)["status"] != "failed" for history in accepted)
        time.sleep(0.5)
    ballast.unlink()
    all_end_well(client, [*accepted, client.submit(png(60, 128, 128), FAST)])
    assert nothing_is_left(system, 30)
