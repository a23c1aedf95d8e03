"""Requests over a bounded number of connections, each of which asks again as soon as it is answered."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.service.processes import cpu_s

BOUNDARY = "a-boundary-that-no-picture-holds"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Connection:
    """One that is kept alive. Its answers have to say how long they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> Answer:
        self._writer.write(request)
        await self._writer.drain()
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        return Answer(int(head.split(b" ", 2)[1]), await self._reader.readexactly(length))

    def close(self) -> None:
        self._writer.close()


@dataclass(slots=True)
class Figures:
    """Of requests of one kind."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    cpu_s: dict[str, float] = field(default_factory=dict)
    """Of all processes of the service: what does not depend on who else uses the machine."""

    @property
    def per_s(self) -> float:
        return len(self.latencies_ms) / self.seconds

    def percentile_ms(self, percent: int) -> float:
        return statistics.quantiles(self.latencies_ms, n=100, method="inclusive")[percent - 1]

    def summary(self) -> dict[str, float]:
        found = {
            "requests": len(self.latencies_ms),
            "per_s": round(self.per_s, 1),
            "p50_ms": round(self.percentile_ms(50), 2),
            "p99_ms": round(self.percentile_ms(99), 2),
        }
        if self.cpu_s:
            found["cpu_ms"] = round(1000 * sum(self.cpu_s.values()) / len(self.latencies_ms), 2)
        return found


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def post(path: str, picture: bytes, **fields: str) -> bytes:
    """A form with a picture."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
    body = b"".join(
        [*parts, f"{head}Content-Type: image/png\r\n\r\n".encode(), picture, f"\r\n--{BOUNDARY}--\r\n".encode()]
    )
    kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{kind}".encode() + body


def ask(port: int, requests: Iterator[bytes], connections: int, seconds: float, expected: int = 200) -> Figures:
    """Send `requests` until they or the seconds are over. Raises RuntimeError on another status than the `expected`."""
    before = cpu_s()
    figures = asyncio.run(_ask(port, requests, connections, seconds, expected))
    figures.cpu_s = {name: spent_s - before[name] for name, spent_s in cpu_s().items()}
    return figures


async def _ask(port: int, requests: Iterator[bytes], connections: int, seconds: float, expected: int) -> Figures:
    opened = [await Connection.to(port) for _ in range(connections)]
    figures, started_at = Figures(), time.perf_counter()
    try:
        await asyncio.gather(*(_one(each, requests, started_at + seconds, expected, figures) for each in opened))
    finally:
        for each in opened:
            each.close()
    figures.seconds = time.perf_counter() - started_at
    return figures


async def _one(
    connection: Connection, requests: Iterator[bytes], until: float, expected: int, figures: Figures
) -> None:
    while time.perf_counter() < until and (request := next(requests, None)) is not None:
        asked_at = time.perf_counter()
        answer = await connection.ask(request)
        figures.latencies_ms.append((time.perf_counter() - asked_at) * 1000)
        if answer.status != expected:
            raise RuntimeError(f"{answer.status}: {answer.body[:500]!r}")
        figures.answers.append(answer)


def machine_load() -> list[float]:
    """The machine's load averages, since who else works there matters."""
    return [round(value, 2) for value in os.getloadavg()]
