"""FakeService: an Upscaler in memory, which speaks the API and can be told to get into trouble."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes

import httpx

PNG = b"\x89PNG\r\n\x1a\n" + b"a picture" * 500
RESULT = b"\x89PNG\r\n\x1a\n" + b"a larger picture" * 20_000
PIECE_BYTES = 16 << 10

Trouble = Callable[[Callable[[], httpx.Response]], httpx.Response]
"""What befalls a request: it may let it through to the service or not, and change the answer."""


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in pieces, and may break off."""

    def __init__(self, body: bytes, breaks_at: int | None = None) -> None:
        self._body, self._breaks_at = body, breaks_at

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), PIECE_BYTES):
            if self._breaks_at is not None and start >= self._breaks_at:
                raise httpx.ReadError("the connection broke")
            yield self._body[start : start + PIECE_BYTES]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


@dataclass
class FakeJob:
    """A job: what was asked, and how many polls are left until it ends."""

    job_id: str
    fields: dict[str, str]
    image: bytes
    polls_left: int
    result: bytes | None = RESULT
    error_code: str | None = None


@dataclass
class FakeService(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport for both clients. `troubles` has a list for each kind of request: post, status, download, delete."""

    polls: int = 2
    key: str | None = None
    answers_format: str = "png"
    troubles: dict[str, list[Trouble]] = field(default_factory=dict)
    jobs: dict[str, FakeJob] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    seen: list[httpx.Request] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self.answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self.answer(request)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        kind = {"POST": "post", "DELETE": "delete"}.get(request.method, request.url.path.split("/")[3])
        troubles = self.troubles.get(kind, [])
        through = functools.partial(self._answer, kind, request)
        return troubles.pop(0)(through) if troubles else through()

    def calls(self, method: str) -> list[str]:
        return [request.url.raw_path.decode() for request in self.seen if request.method == method]

    def _answer(self, kind: str, request: httpx.Request) -> httpx.Response:
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return problem(401, "unauthorized")
        if kind == "post":
            return self._submit(request)
        job = self.jobs.get(request.url.path.rsplit("/")[-1])
        if job is None:
            return problem(404, "job_not_found")
        return {"status": self._status, "download": self._download, "delete": self._delete}[kind](job)

    def _submit(self, request: httpx.Request) -> httpx.Response:
        fields, image = read_form(request)
        job_id = self.keys.setdefault(request.headers["idempotency-key"], str(10**18 + len(self.keys)))
        self.jobs.setdefault(job_id, FakeJob(job_id, fields, image, self.polls))
        return httpx.Response(202, json={"success": True, "job_id": job_id}, headers={"Retry-After": "1"})

    def _status(self, job: FakeJob) -> httpx.Response:
        job.polls_left -= 1
        return httpx.Response(200, json=self._document(job))

    def _document(self, job: FakeJob) -> dict[str, object]:
        document: dict[str, object] = {"job_id": job.job_id, "model": "a-model", "scale": int(job.fields["scale"])}
        if job.error_code:
            return document | {"status": "failed", "error": "upscale failed: no", "error_code": job.error_code}
        if job.polls_left >= 0:
            return document | {"status": "processing", "progress": 40, "stage": "running", "eta_seconds": 70}
        result = job.result or b""
        return document | {
            "status": "completed",
            "progress": 100,
            "sha256": hashlib.sha256(RESULT).hexdigest(),
            "file_size_bytes": len(RESULT),
            "duration_seconds": 1.5,
            "result": "available" if result else "deleted",
            "output": {"width": 96, "height": 80, "format": self.answers_format},
        }

    def _download(self, job: FakeJob) -> httpx.Response:
        if job.result is None:
            return problem(410, "deleted")
        digest = base64.b64encode(hashlib.sha256(job.result).digest()).decode()
        return httpx.Response(200, stream=Pieces(job.result), headers={"Repr-Digest": f"sha-256=:{digest}:"})

    def _delete(self, job: FakeJob) -> httpx.Response:
        if job.polls_left >= 0:
            job.error_code = "cancelled"
        job.result = None
        return httpx.Response(200, json=self._document(job))


def read_form(request: httpx.Request) -> tuple[dict[str, str], bytes]:
    """The fields, and the image."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parts = {}
    for part in message_from_bytes(head + request.content).get_payload():
        name = re.search(r'name="(\w+)"', str(part["content-disposition"]))[1]
        parts[name] = part.get_payload(decode=True)
    image = parts.pop("image")
    return {name: value.decode() for name, value in parts.items()}, image


def problem(status: int, code: str, retry_after: int | None = None, **facts: object) -> httpx.Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    body = {"success": False, "error": f"A sentence about {code}.", "code": code, "title": "A title", "instance": "r-1"}
    content = json.dumps(body | facts).encode()
    return httpx.Response(status, content=content, headers=headers | {"Content-Type": "application/problem+json"})


def refused(status: int, code: str, retry_after: int | None = None, **facts: object) -> Trouble:
    return lambda _: problem(status, code, retry_after, **facts)


def said(status: int, text: str, **headers: str) -> Trouble:
    """An answer of something that is not the service."""
    return lambda _: httpx.Response(status, text=text, headers=headers)


def unreachable(through: Callable[[], httpx.Response]) -> httpx.Response:
    raise httpx.ConnectError("nobody listens")


def unanswered(through: Callable[[], httpx.Response]) -> httpx.Response:
    """The request has its effect, and its answer is lost."""
    through()
    raise httpx.ReadError("the connection broke")


def cut(at: int) -> Trouble:
    """The body of the answer breaks off."""

    def trouble(through: Callable[[], httpx.Response]) -> httpx.Response:
        answer = through()
        return httpx.Response(answer.status_code, headers=answer.headers, stream=Pieces(RESULT, at))

    return trouble


def spoilt(body: bytes) -> Trouble:
    """Another body, under the digest of the right one."""

    def trouble(through: Callable[[], httpx.Response]) -> httpx.Response:
        return httpx.Response(200, headers=through().headers, stream=Pieces(body))

    return trouble
