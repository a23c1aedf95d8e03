"""One POST to an ASGI application, in this process, and the rules that every answer keeps."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from starlette.types import ASGIApp

from deployments.ingress.problems import PROBLEMS

CLIENT_CLOSED_REQUEST = 499
MEMBERS = {"success", "error", "code", "title", "detail", "instance"}
SECRETS = ("traceback", "pillow", "starlette", "/tmp", ".py", "site-packages", "errno")
JOB_ID = re.compile(r"[1-9][0-9]{18}")


@dataclass(frozen=True, slots=True)
class Call:
    """A request as its bytes come. `leaves`: the client is gone when they have come."""

    headers: tuple[tuple[bytes, bytes], ...]
    chunks: tuple[bytes, ...]
    leaves: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def with_body(self, body: bytes) -> Call:
        return replace(self, chunks=(body,))


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. `document` is None where the body is no JSON object."""

    status: int
    headers: dict[str, str]
    document: dict[str, Any] | None

    @property
    def code(self) -> str | None:
        return None if self.document is None else self.document.get("code")


async def ask(app: ASGIApp, call: Call) -> Answer:
    """Raises what the application raises."""
    waiting = list(call.chunks)
    messages: list[Any] = []

    async def receive() -> dict[str, Any]:
        if waiting:
            chunk = waiting.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(waiting) or call.leaves}
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append(message)

    await app(_scope(call), receive, send)
    start = messages[0]
    body = b"".join(message.get("body", b"") for message in messages[1:])
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], headers, _document(body))


def _scope(call: Call) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/v1/upscale",
        "raw_path": b"/api/v1/upscale",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), *((name.lower(), value) for name, value in call.headers)],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8089),
    }


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def broken_rule(call: Call, answer: Answer) -> str | None:
    """What is wrong with the answer to a submission, by the contract; None if nothing."""
    if call.leaves and answer.status == CLIENT_CLOSED_REQUEST:
        return None
    if "x-request-id" not in answer.headers or answer.headers.get("cache-control") != "no-store":
        return "an answer without the headers that all carry"
    if answer.status == 202:
        return "a job from a client that has left" if call.leaves else _broken_acceptance(answer)
    if not 400 <= answer.status < 500:
        return f"{answer.status} {answer.code}"
    return _broken_problem(answer)


def _broken_acceptance(answer: Answer) -> str | None:
    document = answer.document or {}
    job_id = str(document.get("job_id"))
    is_whole = (
        document.get("success") is True
        and JOB_ID.fullmatch(job_id) is not None
        and document.get("status_url") == answer.headers.get("location") == f"/api/v1/status/{job_id}"
    )
    return None if is_whole else "a 202 that is not the contract's"


def _broken_problem(answer: Answer) -> str | None:
    document = answer.document
    if document is None or answer.headers.get("content-type") != "application/problem+json":
        return f"{answer.status} without a problem"
    if not set(document) >= MEMBERS or "status" in document or document["success"] is not False:
        return f"a problem without its members: {answer.code}"
    if PROBLEMS.get(document["code"], (0,))[0] != answer.status:
        return f"a code that is not in the table: {answer.status} {document['code']}"
    if document["error"] != document["detail"] or document["instance"] != answer.headers["x-request-id"]:
        return f"a problem that contradicts itself: {document['code']}"
    said = json.dumps(document).lower()
    return next((f"a problem that says {word!r}" for word in SECRETS if word in said), None)
