"""Multipart bodies and Content-Types, against the whole application."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from tests.fuzz import forms
from tests.fuzz.calls import Call
from tests.fuzz.mutations import fewer, split
from tests.fuzz.service import MAX_UPLOAD_BYTES, Service

OTHER_HEADERS = (
    (b"content-length", b"0"),
    (b"content-length", b"99999999999999999999"),
    (b"content-length", "٣".encode()),
    (b"content-length", b"9" * 5000),
    (b"content-length", b"0" * 5000),
    (b"content-encoding", b"identity"),
    (b"prefer", b"wait=0"),
    (b"prefer", b'wait="0"; wait=x, \xff'),
    (b"idempotency-key", b"k"),
    (b"idempotency-key", b"\xff"),
    (b"x-request-id", b"\xff" * 100),
    (b"transfer-encoding", b"chunked"),
)


class MultipartFuzzer:
    """The same bytes in other pieces must give the same answer; a 202 must have stored bytes of the body."""

    name = "multipart"
    at_once = 1

    def __init__(self) -> None:
        self._service = Service()

    async def start(self) -> None:
        await self._service.start()

    async def close(self) -> None:
        await self._service.close()

    def draw(self, rng: random.Random) -> Call:
        form = forms.drawn(rng)
        headers = [(b"content-type", kind) for kind in form.kinds]
        if rng.random() < 0.1:
            headers.append(rng.choice(OTHER_HEADERS))
        return Call(tuple(headers), split(rng, form.body), leaves=rng.random() < 0.03)

    async def broken_rule(self, case: Call) -> str | None:
        rule, answer = await self._service.broken_rule(case)
        if rule is not None or answer is None:
            return rule
        if answer.status == 202 and await self._service.stored(answer) not in case.body:
            return "what was stored is not what was sent"
        if len(case.chunks) == 1 or not _is_repeatable(case):
            return None
        rule, whole = await self._service.broken_rule(case.with_body(case.body))
        if rule is None and whole is not None and (whole.status, whole.code) != (answer.status, answer.code):
            return "another answer to the same bytes in other pieces"
        return rule

    def smaller(self, case: Call) -> Iterator[Call]:
        if len(case.chunks) > 1:
            yield case.with_body(case.body)
        for i in range(len(case.headers)):
            yield replace(case, headers=case.headers[:i] + case.headers[i + 1 :])
        for i, chunk in enumerate(case.chunks):
            for less in fewer(chunk):
                yield replace(case, chunks=(*case.chunks[:i], less, *case.chunks[i + 1 :]))
        for i, (name, value) in enumerate(case.headers):
            for less in fewer(value):
                yield replace(case, headers=(*case.headers[:i], (name, less), *case.headers[i + 1 :]))

    def written(self, case: Call) -> bytes:
        return f"{case!r}\n".encode()


def _is_repeatable(case: Call) -> bool:
    """Whether nothing but the bytes decides the answer. Of a body that is both too large and wrong, what comes first
    depends on its pieces. So does what python-multipart makes of text before the form that begins with a line's
    end: it passes over it, up to the next hyphen of the same piece."""
    body = case.body
    is_odd = body[:1] in (b"\r", b"\n") and not body.lstrip(b"\r\n").startswith(b"-")
    return not (is_odd or case.leaves or len(body) > MAX_UPLOAD_BYTES or (b"idempotency-key", b"k") in case.headers)
