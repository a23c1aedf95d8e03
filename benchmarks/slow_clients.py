"""Do clients that are slow or silent keep the service from answering others?

    python -m benchmarks.slow_clients [--url http://localhost:8089] [--connections 1000] [--seconds 8]

Half of the connections announce a body and say nothing more; a quarter sends its body, and a quarter its request's
head, a byte a second. Prints the latency of other requests without and beside them, the ratio, and when the last
of them was closed. Loopback only; ends by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import threading
import time
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any
from urllib.parse import urlsplit

import httpx

from benchmarks.responsiveness import latencies_ms, submit, summary, wait_until_ended

HEAD = b"POST /api/v1/upscale HTTP/1.1\r\nHost: localhost\r\n"
REST = b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n"
WAITS_S = 60.0


@dataclass
class Slow:
    """Slow connections, in a thread of their own. `closed_s` has, for each that was closed, after how long."""

    host: str
    port: int
    connections: int
    headers: bytes = b""
    closed_s: list[float] = field(default_factory=list)
    all_there: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        kinds = list(islice(cycle([self._silent, self._slow_body, self._silent, self._slow_head]), self.connections))
        opened = [await asyncio.open_connection(self.host, self.port) for _ in kinds]
        self.all_there.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAITS_S):
                await asyncio.gather(*(self._one(kind, *ends) for kind, ends in zip(kinds, opened, strict=True)))
        for _, writer in opened:
            writer.close()

    async def _one(self, kind: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        started_at, speaking = time.monotonic(), asyncio.create_task(kind(writer))
        with contextlib.suppress(OSError):
            while await reader.read(4096):  # an answer may come before the end
                pass
        self.closed_s.append(time.monotonic() - started_at)
        speaking.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await speaking

    async def _silent(self, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + self.headers + REST + b"\r\n")

    async def _slow_body(self, writer: asyncio.StreamWriter) -> None:
        await self._silent(writer)
        await _trickle(writer, b"--b\r\n" * 100)

    async def _slow_head(self, writer: asyncio.StreamWriter) -> None:
        await _trickle(writer, HEAD + b"X-Long: " + b"x" * 1000)


async def _trickle(writer: asyncio.StreamWriter, data: bytes) -> None:
    for byte in data:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


def measure(url: str, connections: int, seconds: float, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """`headers`: of every request, such as a key. Raises when a request of the others fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, connections + 500)), hard))
    said = b"".join(f"{name}: {value}\r\n".encode() for name, value in (headers or {}).items())
    parts = urlsplit(url)
    slow = Slow(str(parts.hostname), int(parts.port or 80), connections, said)
    with httpx.Client(base_url=url, timeout=30, headers=headers) as client:
        job_id = submit(client, 8)
        wait_until_ended(client, job_id)
        latencies_ms(client, job_id, seconds / 4)
        quiet = summary(latencies_ms(client, job_id, seconds))
        thread = threading.Thread(target=slow.run)
        thread.start()
        slow.all_there.wait(WAITS_S)
        beside = summary(latencies_ms(client, job_id, seconds))
        wait_until_ended(client, uploaded := submit(client, 8))  # an upload gets through too
        thread.join()
        for ended in (job_id, uploaded):
            client.delete(f"/api/v1/status/{ended}")
    ratio = {name: round(beside[name] / quiet[name], 2) for name in ("p50_ms", "p99_ms")}
    return {"quiet": quiet, "beside": beside, "ratio": ratio, "closed": len(slow.closed_s)} | {
        "last_closed_s": round(max(slow.closed_s, default=0.0), 1)
    }


def main() -> None:
    """Read the command line, measure, and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default="http://localhost:8089")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    print(json.dumps(measure(options.url, options.connections, options.seconds), indent=1))


if __name__ == "__main__":
    main()
