"""The decision table of the API: one row for each test, which shows that it is true of a running service.

The table in `docs/http-api.md` is made from these rows, by `make documents`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import jsonschema

from deployments.ingress.problems import PROBLEMS, RETRY_AFTER_S

SUBMIT, STATUS, DOWNLOAD = "POST /api/v1/upscale", "GET /api/v1/status/{job_id}", "GET /api/v1/download/{job_id}"
LOOK, DELETE, ANY = "HEAD /api/v1/download/{job_id}", "DELETE /api/v1/status/{job_id}", "any"

Answers = httpx.Response | Sequence[httpx.Response] | None


@dataclass(frozen=True)
class Row:
    """`example`: the name of the example in the OpenAPI document; None where it has no place there."""

    request: str
    condition: str
    status: int | None
    code: str
    note: str
    example: str | None


ROWS: list[Row] = []


def row(
    request: str, condition: str, status: int | str | None, note: str = "", *, example: str | None = None
) -> Callable[[Callable[..., Answers]], Callable[..., None]]:
    """A test that returns an answer of the service, or several, each as the row says. `status`: a number, or a
    code of the table of problems."""
    code = status if isinstance(status, str) else ""
    number = PROBLEMS[code][0] if code else status
    assert not isinstance(number, str)
    found = Row(request, condition, number, code, note, example or (code or None if request != ANY else None))
    ROWS.append(found)

    def checked(test: Callable[..., Answers]) -> Callable[..., None]:
        wanted = inspect.signature(test).parameters

        @functools.wraps(test)
        def run(**fixtures: Any) -> None:
            answers = test(**{name: fixtures[name] for name in wanted})
            for answer in answers if isinstance(answers, Sequence) else [answers]:
                check(found, answer, fixtures["document"])

        names = dict.fromkeys([*wanted, "document"])
        parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what pytest goes by
        return run

    return checked


def check(row: Row, answer: httpx.Response | None, document: dict[str, Any]) -> None:
    """Whether an answer is what its row and the OpenAPI document say."""
    if row.status is None:
        assert answer is None
        return
    assert answer is not None
    assert answer.status_code == row.status, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.headers.get_list("x-request-id")) == 1
    if row.code and answer.request.method != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == row.code
        assert answer.json()["instance"] == answer.headers["x-request-id"]
        assert row.code not in RETRY_AFTER_S or int(answer.headers["retry-after"]) > 0
        conforms(answer.json(), "Problem", document)


def conforms(said: Any, schema: str, document: dict[str, Any]) -> None:
    """Raises when a document is not what its schema says."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    jsonschema.Draft202012Validator(whole).validate(said)


def markdown() -> str:
    """The table, as the documentation has it."""
    lines = ["| request | condition | status | |", "|---|---|---|---|"]
    before = ""
    for found in ROWS:
        request = "" if found.request == before else _shown(found.request)
        before = found.request
        code = f"`{found.code}`" if found.code else ""
        told = "; ".join(part for part in (code, found.note) if part)
        lines.append(f"| {request} | {found.condition} | {found.status or '–'} | {told} |")
    return "\n".join(lines) + "\n"


def _shown(request: str) -> str:
    return request if request == ANY else f"`{request}`"
