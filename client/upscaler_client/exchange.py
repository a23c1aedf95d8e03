"""What a conversation wants done, and what came of it. No input or output happens here.

A call of the client is a generator: it yields one `Attempt` after another and is handed a `Reply` for each. So all
that there is to decide is decided once, for clients that block and for those that do not. httpx writes its
authentication flows in the same way.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from upscaler_client.bodies import Form, Intake, ResultIntake, ShortAnswer
from upscaler_client.errors import RefusedError, UnexpectedAnswerError

T = TypeVar("T")
OK = 200
PROBLEM_MEMBERS = {"success", "error", "code", "title", "detail", "instance"}


@dataclass(frozen=True, slots=True)
class Request:
    """`path` follows the service's address; `silence_s` is how long nothing may come; a 200 goes into `result`."""

    method: str
    path: str
    job_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Form | None = None
    result: ResultIntake | None = None
    silence_s: float = 30.0
    request_id: str = field(default_factory=lambda: secrets.token_hex(8))

    def intake(self, status: int) -> Intake:
        """For the body of an answer with this status."""
        if self.result is None or status != OK:
            return ShortAnswer()
        self.result.begin()
        return self.result


@dataclass(frozen=True, slots=True)
class Attempt:
    """Send this request after so long a pause."""

    request: Request
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came, or not all of it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that has come whole. `headers` have lower-case names; the body is empty when it went elsewhere."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def code(self) -> str:
        """The service's word for what is wrong; empty when it was not the service that answered."""
        code = self._members().get("code")
        return code if isinstance(code, str) and self.status > OK else ""

    def document(self) -> Mapping[str, Any]:
        """The body as a JSON object. Raises UnexpectedAnswerError."""
        if members := self._members():
            return members
        raise UnexpectedAnswerError(f"The answer ({self.status}) is not one of an Upscaler.")

    def refusal(self, request: Request) -> RefusedError:
        """An error that says what the answer says."""
        members = self._members()
        sentence = members.get("error")
        return RefusedError(
            str(sentence) if sentence else f"{request.method} {request.path} was answered by {self.status}.",
            status=self.status,
            code=self.code,
            title=str(members.get("title") or ""),
            facts={name: value for name, value in members.items() if name not in PROBLEM_MEMBERS},
            job_id=request.job_id,
            request_id=str(members.get("instance") or self.headers.get("x-request-id") or request.request_id),
        )

    def _members(self) -> Mapping[str, Any]:
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


Reply: TypeAlias = Answer | Lost
Steps: TypeAlias = Generator[Attempt, Reply, T]


def answer_of(status: int, headers: Mapping[str, str], intake: Intake) -> Answer:
    """What has come in, as an answer."""
    return Answer(status, headers, intake.body if isinstance(intake, ShortAnswer) else b"")
