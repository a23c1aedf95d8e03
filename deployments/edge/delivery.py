"""Stream a stored result to the client, and find out whether it arrived."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, fields
from typing import Self

from starlette.types import Message, Receive, Send

from deployments.edge.bodies import SLOWEST_BYTES_PER_S
from deployments.edge.wire import Wire
from deployments.errors import StorageError

log = logging.getLogger(__name__)

STALL_S = 30.0
"""A reader that takes nothing for so long has broken off."""
LEAST_S = 900.0
"""How long a download may take in all: a quarter of an hour, or longer where it is large."""
PIECE_BYTES = 64 << 10
LOOK_S, LOOK_MOST_S = 0.002, 0.05
GRANT_HEADER = "x-upscaler-grant"
ANNOUNCEMENT = "upscaler.edge"
"""In the scope's `extensions`, where no client can put it: the ingress may leave streaming to us."""


@dataclass(frozen=True, slots=True)
class Handover:
    """What the ingress tells the edge of a download, in a header that goes no further."""

    job_id: str
    lease_id: int
    name: str
    size_bytes: int
    sha256: str
    keep: bool

    def to_header(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_header(cls, value: str) -> Self:
        """What it does not know it leaves out: the proxy keeps the code it was started with, and the ingress
        may have come later."""
        told = json.loads(value)
        return cls(**{field.name: told[field.name] for field in fields(cls)})


class Delivery:
    """One result's way to one client."""

    def __init__(self, start: Message, chunks: AsyncIterator[bytes], size_bytes: int) -> None:
        """`start` is the `http.response.start` message to send."""
        self._start, self._chunks, self._size_bytes = start, chunks, size_bytes

    async def run(self, receive: Receive, send: Send) -> bool:
        """Send it. True when all of it has reached the client; never raises for a client that leaves."""
        wire, gone = Wire.of(receive), asyncio.ensure_future(_disconnected(receive))
        most_s = max(LEAST_S, self._size_bytes / SLOWEST_BYTES_PER_S)
        try:
            async with asyncio.timeout(most_s):
                return await self._sent(send, wire, gone) and await self._arrived(wire, gone)
        except (OSError, TimeoutError, StorageError) as error:
            log.info("a download broke off: %r", error)
            if wire is not None:
                wire.abort()
            return False
        finally:
            gone.cancel()
            if wire is not None:
                wire.close()

    async def _sent(self, send: Send, wire: Wire | None, gone: asyncio.Future[None]) -> bool:
        """Hand everything to the server, as fast as the client takes it. False when it left before."""
        await asyncio.wait_for(send(self._start), STALL_S)
        if wire is not None:
            wire.expect(self._size_bytes)
        left_bytes = self._size_bytes
        async for piece in self._pieces():
            await asyncio.wait_for(send({"type": "http.response.body", "body": piece, "more_body": True}), STALL_S)
            left_bytes -= len(piece)
            if gone.done() and left_bytes > 0:
                return False
        # Judged before the message that ends the response: after it, `receive` says "disconnect" in any case.
        await asyncio.sleep(0)
        complete = left_bytes == 0 and (wire is not None or not gone.done())
        await asyncio.wait_for(send({"type": "http.response.body", "body": b""}), STALL_S)
        return complete

    async def _pieces(self) -> AsyncIterator[bytes]:
        """The result in steps so small that each is taken in time by whoever reads at all."""
        async for chunk in self._chunks:
            for start in range(0, len(chunk), PIECE_BYTES):
                yield bytes(chunk[start : start + PIECE_BYTES])

    async def _arrived(self, wire: Wire | None, gone: asyncio.Future[None]) -> bool:
        """Wait until the client's kernel has acknowledged everything. False when it never will."""
        if wire is None:
            return True
        look_s, least_bytes, moved_at = LOOK_S, wire.left_bytes(), time.monotonic()
        while (left_bytes := wire.left_bytes()) > 0:
            if wire.is_dead() or (gone.done() and wire.is_idle() and not wire.arrived()):
                return False  # what was sent after the client had left, the server has dropped
            if left_bytes < least_bytes:
                least_bytes, moved_at = left_bytes, time.monotonic()
            if time.monotonic() - moved_at > STALL_S:
                raise TimeoutError("the reader has stalled")
            await asyncio.sleep(look_s)
            look_s = min(2 * look_s, LOOK_MOST_S)
        return True


async def _disconnected(receive: Receive) -> None:
    with contextlib.suppress(OSError):
        while (await receive())["type"] != "http.disconnect":
            pass
