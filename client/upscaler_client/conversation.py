"""Conversation: the steps of one call of the client. It decides; a client sends, sleeps and hands back what came."""

from __future__ import annotations

import base64
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from upscaler_client.bodies import Form, ResultIntake
from upscaler_client.errors import (
    DigestMismatchError,
    JobFailedError,
    ServiceUnreachableError,
    UnexpectedAnswerError,
    UpscalerError,
)
from upscaler_client.exchange import Answer, Attempt, Lost, Reply, Request, Steps
from upscaler_client.retries import TOO_SLOW, Deadline, Manners, Patience, Verdict, verdict_of
from upscaler_client.status import Status

log = logging.getLogger(__name__)

JOB_ID = re.compile(r"[0-9]{1,20}", re.ASCII)
REPR_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
SILENCE_S = 30.0
LONG_WAIT_S, WATCHED_WAIT_S = 30, 2
"""How long a poll may take: one answer at the end, or also some on the way for who watches."""
FIRST_GAP_S, LONGEST_GAP_S, GAP_GROWTH = 0.2, 5.0, 1.5
"""How far apart polls are at least: a service that is full answers without waiting."""
MAX_DOWNLOADS = 3
DISCARD_S = 5.0


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who wants to know of what. They may raise to end the call."""

    on_upload: Callable[[int, int], None] | None = None
    on_progress: Callable[[Status], None] | None = None
    on_trouble: Callable[[str], None] | None = None


class Conversation:
    """One call: its manners, its deadline and who listens. Each method gives the steps of a part of it."""

    def __init__(self, manners: Manners, deadline: Deadline, listeners: Listeners) -> None:
        self._manners, self._deadline, self._listeners = manners, deadline, listeners

    def upscale(self, image: bytes | Path, name: str, fields: Mapping[str, str], file: BinaryIO) -> Steps[Status]:
        """All of it: the result is in `file`, and no longer at the service."""
        job_id = yield from self.submit(image, name, fields)
        status = yield from self.wait(job_id)
        yield from self.fetch(status, file)
        yield from self.discard(job_id)
        return status

    def submit(self, image: bytes | Path, name: str, fields: Mapping[str, str]) -> Steps[str]:
        """The job's id. However often the form is sent, it is one job."""
        form = Form(image, name, fields, self._sent)
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        answer = yield from self._insist(Request("POST", "/api/v1/upscale", headers=headers, form=form))
        job_id = answer.document().get("job_id")
        if not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id):
            raise UnexpectedAnswerError("The answer to a submission has no id of a job.")
        return job_id

    def status(self, job_id: str, wait_s: int = 0, after_s: float = 0.0) -> Steps[Status]:
        """How the job stands when it has ended, or after `wait_s`."""
        wait_s = int(self._deadline.left_s(wait_s))
        path = _status_path(job_id) + (f"?wait={wait_s}" if wait_s else "")
        answer = yield from self._insist(Request("GET", path, job_id, silence_s=SILENCE_S + wait_s), after_s)
        return Status.of(answer.document())

    def wait(self, job_id: str) -> Steps[Status]:
        """The status of a job that is completed. Raises JobFailedError."""
        wait_s = WATCHED_WAIT_S if self._listeners.on_progress else LONG_WAIT_S
        gap_s, after_s = FIRST_GAP_S, 0.0
        while True:
            asked_at = self._manners.clock() + after_s
            status = yield from self.status(job_id, wait_s, after_s)
            if self._listeners.on_progress:
                self._listeners.on_progress(status)
            if status.has_ended:
                return _completed(status)
            after_s = max(0.0, asked_at + gap_s - self._manners.clock())
            gap_s = min(LONGEST_GAP_S, gap_s * GAP_GROWTH)

    def fetch(self, status: Status, file: BinaryIO) -> Steps[None]:
        """Write the result into `file` and compare it with what the service says of it. It stays there too."""
        job_id = _completed(status).job_id
        if status.sha256 is None or status.file_size_bytes is None:
            raise UnexpectedAnswerError("The service does not say what its result is.", job_id=job_id)
        intake = ResultIntake(file, status.file_size_bytes, lambda: self._deadline.check(job_id))
        request = Request("GET", f"/api/v1/download/{quote(job_id, safe='')}?keep=1", job_id, result=intake)
        for _ in range(MAX_DOWNLOADS):
            answer = yield from self._insist(request)
            if {intake.sha256, _repr_digest(answer) or intake.sha256} == {status.sha256}:
                return
            self._trouble("the result came damaged; downloading it again")
        raise DigestMismatchError(
            "The result came damaged again and again.", job_id=job_id, request_id=request.request_id
        )

    def download_into(self, job_id: str, file: BinaryIO) -> Steps[Status]:
        """Fetch the result of a job of which only the id is known."""
        status = yield from self.status(job_id)
        yield from self.fetch(status, file)
        return status

    def download(self, job_id: str, file: BinaryIO) -> Steps[Status]:
        """Fetch the result and leave nothing behind."""
        status = yield from self.download_into(job_id, file)
        yield from self.discard(job_id)
        return status

    def delete(self, job_id: str) -> Steps[Status]:
        """Cancel the job, or delete its result."""
        answer = yield from self._insist(Request("DELETE", _status_path(job_id), job_id))
        return Status.of(answer.document())

    def discard(self, job_id: str) -> Steps[None]:
        """Delete a result that has arrived. The service will do so by itself: this is no reason to fail, nor to
        wait for long."""
        hasty = replace(self._manners, patience_s=DISCARD_S, queueing_s=DISCARD_S)
        try:
            yield from Conversation(hasty, self._deadline, self._listeners).delete(job_id)
        except UpscalerError as error:
            self._trouble(f"the result was not deleted at the service, and will expire there: {error}")

    def _insist(self, request: Request, after_s: float = 0.0) -> Steps[Answer]:
        """Send a request until it has a good answer. Raises UpscalerError for any other that does not pass."""
        patience = Patience(self._manners)
        while True:
            self._deadline.check(request.job_id, after_s)
            timely = replace(request, silence_s=self._deadline.left_s(request.silence_s + after_s) - after_s)
            reply = yield Attempt(timely, after_s)
            verdict = verdict_of(reply)
            if verdict is Verdict.GOOD and isinstance(reply, Answer):
                return reply
            pause_s = None if verdict is Verdict.FINAL else patience.pause_s(reply)
            if pause_s is None:
                raise _given_up(request, reply, verdict)
            self._trouble(f"{_reason(request, reply)}; trying again in {pause_s:.1f} s")
            after_s = pause_s

    def _sent(self, sent_bytes: int, of_bytes: int) -> None:
        self._deadline.check()
        if self._listeners.on_upload:
            self._listeners.on_upload(sent_bytes, of_bytes)

    def _trouble(self, sentence: str) -> None:
        log.info("%s", sentence)
        if self._listeners.on_trouble:
            self._listeners.on_trouble(sentence)


def _status_path(job_id: str) -> str:
    return f"/api/v1/status/{quote(job_id, safe='')}"


def _completed(status: Status) -> Status:
    if status.status == "failed":
        sentence = status.error or "The job failed."
        raise JobFailedError(sentence, error_code=status.error_code or "", job_id=status.job_id)
    return status


def _repr_digest(answer: Answer) -> str | None:
    """The sha256 that the download says it has, in hexadecimal."""
    found = REPR_DIGEST.search(answer.headers.get("repr-digest", ""))
    return base64.b64decode(found[1]).hex() if found else None


def _reason(request: Request, reply: Reply) -> str:
    return reply.reason if isinstance(reply, Lost) else reply.refusal(request).sentence


def _given_up(request: Request, reply: Reply, verdict: Verdict) -> UpscalerError:
    if isinstance(reply, Answer) and (verdict is not Verdict.AWAY or reply.status == TOO_SLOW):
        return reply.refusal(request)
    ids = {"job_id": request.job_id, "request_id": request.request_id}
    return ServiceUnreachableError(f"The service cannot be reached: {_reason(request, reply)}", **ids)
