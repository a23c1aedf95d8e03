"""Clients that keep a history, and what must be true of it whatever has been killed."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.system import System

PATIENCE_S = 300.0
ANSWER_S = 15.0


@dataclass
class History:
    """What one job's client has seen."""

    job_id: str
    expected_sha256: str | None
    progress: list[int] = field(default_factory=list)
    ended: dict[str, Any] | None = None
    sha256: str | None = None

    def check(self) -> None:
        """A 202 ends in the result that the picture gives alone, and progress never falls."""
        assert self.progress == sorted(self.progress)
        assert self.ended is not None
        assert self.ended["status"] == "completed", self.ended
        assert self.sha256 == self.ended["sha256"]
        assert self.expected_sha256 in (None, self.sha256)


class Client:
    """Retries what a client may retry: a 503, and a connection that broke."""

    def __init__(self, system: System) -> None:
        self._system = system
        self.statuses: list[int] = []
        self.slowest_s, self.num_broken = 0.0, 0

    def submit(self, data: bytes, model: str, expected_sha256: str | None = None, name: str = "p") -> History:
        form = {"image": (f"{name}.png", data)}
        answer = self._insist("POST", "/api/v1/upscale", files=form, data={"model": model})
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return History(answer.json()["job_id"], expected_sha256)

    def look(self, history: History) -> dict[str, Any]:
        answer = self._insist("GET", f"/api/v1/status/{history.job_id}")
        assert answer.status_code == httpx.codes.OK, answer.text
        document: dict[str, Any] = answer.json()
        if document["status"] == "processing":
            history.progress.append(document["progress"])
        return document

    def finish(self, history: History) -> None:
        """Follow a job to its end and fetch its result."""
        give_up_at = time.monotonic() + PATIENCE_S
        while (document := self.look(history))["status"] == "processing":
            assert time.monotonic() < give_up_at, f"{history.job_id} did not end"
            time.sleep(0.2)
        history.ended = document
        if document["status"] == "completed":
            history.sha256 = hashlib.sha256(self._fetch(history)).hexdigest()

    def _fetch(self, history: History) -> bytes:
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            answer = self._insist("GET", f"/api/v1/download/{history.job_id}")
            if answer.status_code == httpx.codes.OK:
                return answer.content
            assert answer.status_code == httpx.codes.CONFLICT, answer.text  # the lease of a download that was cut
            assert time.monotonic() < give_up_at
            time.sleep(0.5)

    def _insist(self, method: str, path: str, **options: Any) -> httpx.Response:
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            started_at = time.monotonic()
            try:
                answer = httpx.request(method, self._system.url + path, timeout=ANSWER_S, **options)
            except httpx.ConnectError:  # nobody listens
                answer = None
            except httpx.TransportError:
                answer = None
                self.num_broken += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - started_at)
            if answer is not None:
                self.statuses.append(answer.status_code)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return answer
                assert answer.headers["retry-after"]
            assert time.monotonic() < give_up_at
            time.sleep(0.2)


def follow(client: Client, histories: list[History]) -> list[threading.Thread]:
    """Follow every job to its end, a thread for each; join them."""
    threads = [threading.Thread(target=client.finish, args=(history,)) for history in histories]
    for thread in threads:
        thread.start()
    return threads


def all_at_once(client: Client, histories: list[History]) -> None:
    """Follow every job to its end and wait for that."""
    for thread in follow(client, histories):
        thread.join()


def nothing_changes_any_more(client: Client, histories: list[History]) -> None:
    """What has ended stays as it ended."""
    for history in histories:
        document = client.look(history)
        assert history.ended
        for member in ("status", "sha256", "attempt", "error_code"):
            assert document.get(member) == history.ended.get(member)
