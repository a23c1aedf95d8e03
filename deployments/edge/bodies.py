"""Request bodies: bounded each and all together before anything holds them, and never awaited for ever."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import time
from collections.abc import Callable

from starlette.types import Message, Receive

from deployments.jobs.messages import EdgeSettings

log = logging.getLogger(__name__)

DISCONNECT: Message = {"type": "http.disconnect"}
GRACE_S, SLOWEST_BYTES_PER_S, MOST_GRACE_S = 10.0, 32_000, 30.0
"""A body may take this long, and after that has to have come at this rate. Who was faster may pause for a while, but
not for as long as his bytes would have taken another."""

SPOOL_BYTES, LARGE_SPOOL_BYTES = 128 << 10, 1 << 20
"""How much of a body is held in memory before it goes to disk: more where all bodies together are few bytes."""

REPLAY_BYTES, PACE_S = 48 << 10, 0.002
"""What goes on at once, and how fast: two of them are still less than the 100 KB above which Ray copies a
message into its object store, where pages stay that were touched once."""

LARGE_BYTES, FEW_BYTES = 256 << 10, 8 << 20
"""Where few bytes are on their way, they may go in larger pieces: three times as fast, and what the object store
touches for them is no more than that."""

REPLAYED_BYTES, TURN_S, SETTLES_S = 16 << 20, 30.0, 1.0
"""Bytes of bodies that are handed to the application at once, and how long one waits for its turn. The application
has had one for good when it has answered, or some time after the last byte: it may answer much later."""


class BodyBudget:
    """Bytes of all bodies that have been taken in and not yet been answered."""

    def __init__(self) -> None:
        self.held_bytes = 0

    def fits(self, more_bytes: int, most_bytes: int) -> bool:
        return self.held_bytes + more_bytes <= most_bytes


class Replays:
    """Lets bodies that are here whole go on to the application, so many bytes at a time: what lies
    between us and the application holds each of them in memory, twice over."""

    def __init__(self) -> None:
        self._bytes = 0
        self._fewer = asyncio.Event()

    async def enter(self, size_bytes: int) -> bool:
        """Wait for its turn. False when it did not come in time; else `leave` afterwards."""
        try:
            async with asyncio.timeout(TURN_S):
                while self._bytes and self._bytes + size_bytes > REPLAYED_BYTES:
                    self._fewer.clear()
                    await self._fewer.wait()
        except TimeoutError:
            return False
        self._bytes += size_bytes
        return True

    @property
    def piece_bytes(self) -> int:
        """How large the pieces of the body may be that has entered just now."""
        return LARGE_BYTES if self._bytes <= FEW_BYTES else REPLAY_BYTES

    def leave(self, size_bytes: int) -> None:
        self._bytes -= size_bytes
        self._fewer.set()


class Body:
    """One request's body on its way through. `receive` in place of the server's; `refusal` says with
    which code it was ended. Then the application is told that the client has left. `close` it."""

    def __init__(
        self,
        receive: Receive,
        budget: BodyBudget,
        announced_bytes: int,
        settings: EdgeSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receive, self._budget, self._clock = receive, budget, clock
        self._most_bytes, self._most_held_bytes = settings.max_upload_bytes, settings.max_bodies_bytes
        self._received_bytes = self._held_bytes = 0
        self._grace_ends = clock() + GRACE_S
        self._complete = False
        self._spool: tempfile.SpooledTemporaryFile[bytes] | None = None
        self.client_left = False
        self.has_gone_on = asyncio.Event()
        self.piece_bytes = REPLAY_BYTES
        self.refusal: str | None = None
        self._expected_bytes = announced_bytes or self._most_bytes
        if announced_bytes > self._most_bytes:
            self.refusal = "body_too_large"

    @property
    def size_bytes(self) -> int:
        """What has been received of it."""
        return self._received_bytes

    async def take_whole(self) -> None:
        """Receive all of it, on disk but for a small one, before `receive` gives any of it. So a slow
        client holds up nothing but its connection."""
        spool: tempfile.SpooledTemporaryFile[bytes] = tempfile.SpooledTemporaryFile(LARGE_SPOOL_BYTES)  # noqa: SIM115
        self._spool = spool
        while not (self._complete or self.refusal or self.client_left):
            message = await self._next()
            try:
                spool.write(message.get("body", b""))
                if self._received_bytes > SPOOL_BYTES and self._budget.held_bytes > FEW_BYTES and not self.refusal:
                    spool.rollover()
            except OSError as error:
                log.warning("a body cannot be spooled: %s", error)
                self.refusal = "storage_unavailable"
        with contextlib.suppress(OSError):  # what cannot be written has been refused above, or will be by `close`
            spool.seek(0)
            return
        self.refusal = self.refusal or "storage_unavailable"

    async def receive(self) -> Message:
        """The next message, or "disconnect" when the body has been refused."""
        if self._spool is None or self.refusal:
            return await self._next()
        if self._spool.tell():  # what is not asked for piles up between us and the application
            await asyncio.sleep(PACE_S)
        chunk = self._spool.read(self.piece_bytes)
        is_last = self._spool.tell() >= self.size_bytes
        if is_last:
            self.close()
            self.has_gone_on.set()
        return {"type": "http.request", "body": chunk, "more_body": not is_last}

    async def _next(self) -> Message:
        if self.refusal:
            return DISCONNECT
        if self._complete:
            message = await self._receive()
        else:
            try:
                message = await asyncio.wait_for(self._receive(), self._patience_s())
            except TimeoutError:
                self.refusal = "body_too_slow"
                return DISCONNECT
        if message["type"] == "http.disconnect":
            self.client_left = True
        elif message["type"] == "http.request":
            self._complete = not message.get("more_body", False)
            self._received_bytes += (more_bytes := len(message.get("body", b"")))
            self._hold()
            grace_ends = self._grace_ends + more_bytes / SLOWEST_BYTES_PER_S
            self._grace_ends = min(grace_ends, self._clock() + MOST_GRACE_S)
        return DISCONNECT if self.refusal else message

    def close(self) -> None:
        """The application has the body, or the request its answer: nothing of it is held here any more."""
        self._budget.held_bytes -= self._held_bytes
        self._held_bytes = 0
        self._drop_spool()

    async def settled(self) -> None:
        """Return when the application has had the body for a while."""
        await self.has_gone_on.wait()
        await asyncio.sleep(SETTLES_S)

    def _drop_spool(self) -> None:
        if self._spool is not None:
            with contextlib.suppress(OSError):  # of a full disk, on which it writes what it still has in memory
                self._spool.close()
        self._spool = None

    def _hold(self) -> None:
        """Keep room for twice of what has come, at most for all of it: who only announces much, or sends it a
        byte at a time, keeps nobody out; and of too many who are fast, some hear of it before their end."""
        wanted_bytes = self._received_bytes
        if not self._complete:
            wanted_bytes = min(max(self._expected_bytes, wanted_bytes), 2 * wanted_bytes)
        more_bytes = wanted_bytes - self._held_bytes
        if self._received_bytes > self._most_bytes:
            self.refusal = "body_too_large"
        elif more_bytes > 0 and not self._budget.fits(more_bytes, self._most_held_bytes):
            self.refusal = "too_many_uploads"
        else:
            self._budget.held_bytes += more_bytes
            self._held_bytes = wanted_bytes

    def _patience_s(self) -> float:
        return max(0.0, self._grace_ends - self._clock())
