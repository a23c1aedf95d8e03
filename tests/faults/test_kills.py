"""`kill -9` of each process while it matters. Run by `make test-faults`."""

from __future__ import annotations

import itertools
import subprocess
import threading
import time

import httpx
import pytest

from tests.faults.checks import (
    INGRESS,
    PROXY,
    REPLICA,
    STORE,
    a_long_one,
    all_end_well,
    all_ended_well,
    many,
    nothing_is_left,
    reached,
)
from tests.faults.clients import Client, History, follow
from tests.faults.conftest import RESULT_TTL_S
from tests.pictures import png
from tests.system import FAST, ROOT

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

ANSWERS = {200, 202, 409, 503}


@pytest.mark.parametrize(("percent", "side"), [(10, 480), (50, 480), (95, 680)])
def test_the_replica_killed_in_the_midst_of_a_job(system, client, solo, percent, side):
    big = a_long_one(client, 100, side)
    others = many(client, solo)
    following = follow(client, others)  # at once: their results do not live as long as the long one takes
    reached(client, big, percent)
    system.kill(REPLICA)
    killed_at = time.monotonic()
    while (document := client.look(big))["attempt"] < 2 or document["stage"] != "running":
        time.sleep(0.2)
    assert time.monotonic() - killed_at < 45
    all_end_well(client, [big])
    for thread in following:
        thread.join()
    all_ended_well(client, others)
    assert big.ended
    assert big.ended["attempt"] == 2
    assert nothing_is_left(system, 30)


def test_the_replica_killed_between_writing_a_result_and_saying_so(system, client, solo):
    victim = client.submit(png(0, 128, 128), FAST, solo[0], name="unpublished")
    all_end_well(client, [victim, *many(client, solo)])
    assert victim.ended
    assert victim.ended["attempt"] == 2
    assert nothing_is_left(system, 30)


def under_load(client: Client, solo: dict[int, str], rate: float, seconds: float) -> list[History]:
    """Submit small pictures at this rate for so long."""
    histories, ends_at = [], time.monotonic() + seconds
    for seed in itertools.cycle(solo):
        if time.monotonic() > ends_at:
            return histories
        histories.append(client.submit(png(seed, 128, 128), FAST, solo[seed]))
        time.sleep(1 / rate)
    raise AssertionError


def test_the_store_killed_again_and_again(system, client, solo):
    stop = threading.Event()

    def kill() -> None:
        while not stop.wait(5):
            system.kill(STORE)

    killing = threading.Thread(target=kill)
    killing.start()
    try:
        histories = under_load(client, solo, rate=5, seconds=60)
    finally:
        stop.set()
        killing.join()
    all_end_well(client, histories)
    assert set(client.statuses) <= ANSWERS
    assert client.slowest_s < 5
    assert client.num_broken == 0
    assert nothing_is_left(system)


def test_an_ingress_killed_while_a_body_comes_in(system, client, solo):
    others = many(client, solo)
    form = {"image": ("p.png", png(7, 1500, 1500)), "model": (None, FAST)}
    request = httpx.Request("POST", f"{system.url}/api/v1/upscale", files=form)
    body = request.read()
    half_sent = threading.Event()

    def slowly():
        yield body[: len(body) // 2]
        half_sent.set()
        time.sleep(1)
        yield body[len(body) // 2 :]

    answers = []
    sending = threading.Thread(
        target=lambda: answers.append(
            httpx.post(str(request.url), content=slowly(), headers=request.headers, timeout=60)
        )
    )
    sending.start()
    assert half_sent.wait(30)
    system.kill(INGRESS)
    sending.join()
    assert answers[0].status_code in {202, 503}, answers[0].text
    accepted = [History(answers[0].json()["job_id"], None)] if answers[0].status_code == 202 else []
    all_end_well(client, [*others, *accepted])
    assert nothing_is_left(system)


def test_an_ingress_killed_after_the_record_and_before_the_202(system, client, solo):
    """The hook kills it. The client is told 503 and submits again; the first job is one that nobody knows of."""
    victim = client.submit(png(1, 128, 128), FAST, solo[1], name="unanswered")
    assert (system.control / "unanswered").exists()
    assert 503 in client.statuses
    all_end_well(client, [victim, *many(client, solo)])
    assert nothing_is_left(system, RESULT_TTL_S + 60)


@pytest.mark.parametrize("victim", [INGRESS, PROXY])
def test_a_download_that_is_cut_by_a_kill_can_be_repeated(system, client, solo, victim):
    history = client.submit(png(9, 900, 900), FAST)
    while client.look(history)["status"] == "processing":
        time.sleep(0.1)
    others = many(client, solo)
    try:
        with httpx.stream("GET", f"{system.url}/api/v1/download/{history.job_id}", timeout=30) as answer:
            chunks = answer.iter_raw(64 << 10)
            received = len(next(chunks))
            system.kill(victim)
            received += sum(map(len, chunks))
    except httpx.TransportError:
        received = 0
    if victim == PROXY:
        assert system.wait_until_up() < 15
    document = client.look(history)
    if document["result"] != "downloaded":
        client.finish(history)
        history.check()
    else:  # it was all on its way already
        assert received == document["file_size_bytes"]
    all_end_well(client, others)
    assert nothing_is_left(system, 30)


def test_the_proxy_killed_under_load(system, client, solo):
    big = a_long_one(client, 101)
    reached(client, big, 10)
    killing = threading.Timer(2.0, system.kill, [PROXY])
    killing.start()
    others = under_load(client, solo, rate=10, seconds=8)
    killing.join()
    assert system.wait_until_up() < 15
    all_end_well(client, [big, *others])
    assert big.ended
    assert big.ended["attempt"] == 1
    assert nothing_is_left(system)


def test_everything_killed_and_started_again(system, client, solo):
    histories = [a_long_one(client, 102), *many(client, solo)]
    reached(client, histories[0], 10)
    system.kill_everything()
    expired = system.plant(b"secret", age_s=RESULT_TTL_S + 5)
    kept = system.plant(b"kept", age_s=0)
    system.start()
    assert not (system.storage / "jobs" / expired).exists()  # before the first answer
    answer = httpx.get(f"{system.url}/api/v1/download/{expired}")
    assert (answer.status_code, answer.json()["code"]) == (410, "expired")
    assert httpx.get(f"{system.url}/api/v1/download/{kept}").content == b"kept"
    all_end_well(client, histories)
    assert nothing_is_left(system)


def test_a_second_start_beside_the_first_refuses_in_one_sentence(system, client, solo):
    second = subprocess.run(
        system.command, cwd=ROOT, env=system.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert second.returncode == 1
    assert len(second.stderr.strip().splitlines()) == 1
    assert second.stderr.startswith("upscaler: ")
    all_end_well(client, many(client, solo))
    assert nothing_is_left(system, 30)
