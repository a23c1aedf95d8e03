"""Decoder: has pictures decoded by children of a zygote, a bounded number at a time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, TypeVar

from pydantic import TypeAdapter

from deployments.decoder.child import WALL_S
from deployments.decoder.process import ZygoteProcess
from deployments.decoder.wire import MAX_LINE_BYTES, Ask, Bounds, Refused, Seen, Told, check_told, read_picture
from deployments.errors import DecoderError
from upscaler.errors import (
    AnimatedPictureError,
    InvalidPictureError,
    PictureError,
    PictureTooLargeError,
    UnsupportedFormatError,
)
from upscaler.pictures.picture import Picture

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_RUNNING = 2
"""Each may hold a whole decoded picture; more of them would not be faster."""

TURN_S, SPARE_S = 60.0, 5.0
"""How long a picture waits for its turn, and a child's last word longer than the kernel lets it run."""

SMALL_BYTES = 256 << 10

TOO_LONG = (-signal.SIGXCPU, -signal.SIGALRM)
UNDECODABLE, MAX_SENTENCE = "the image is damaged: its pixels cannot be decoded", 200
REFUSALS = (UnsupportedFormatError, AnimatedPictureError, InvalidPictureError)

_WORD: TypeAdapter[Told | Refused] = TypeAdapter(Told | Refused)


class Decoder:
    """`look` and `decode` from one event loop. `start` spares the first picture a wait; `close` ends all children."""

    def __init__(self, max_running: int = MAX_RUNNING) -> None:
        self._turns = asyncio.Semaphore(max_running)
        self._zygote = ZygoteProcess()
        self.num_died = 0
        """Children that ended by a signal, by a limit, or without a word."""

    async def look(self, file: IO[bytes], bounds: Bounds, *, keeps_metadata: bool = False) -> Seen:
        """Decode a picture in full, as `decode` would, and throw the pixels away.

        Raises PictureError when the file is at fault, DecoderError when we are.
        """
        with _scratch() as target:
            return (await self._run(Ask(bounds, keeps_metadata=keeps_metadata), file, target)).seen

    async def decode(self, file: IO[bytes], bounds: Bounds, *, keeps_metadata: bool = False) -> Picture:
        """Decode a picture. Raises what `look` raises."""
        with _scratch() as target:
            word = await self._run(Ask(bounds, wants_pixels=True, keeps_metadata=keeps_metadata), file, target)
            try:
                return await _to_its_end(read_picture, word, target)
            except (EOFError, ValueError) as error:
                log.warning("a picture's decoder gave less than it told of")
                raise InvalidPictureError(UNDECODABLE) from error

    def start(self) -> None:
        """Have the zygote run. Raises DecoderError when it cannot be started."""
        self._zygote.start()

    def close(self) -> None:
        """End the zygote and whatever it has running, for good."""
        self._zygote.close()

    async def _run(self, ask: Ask, file: IO[bytes], target: int) -> Told:
        try:
            async with asyncio.timeout(TURN_S):
                await self._turns.acquire()
        except TimeoutError:
            raise DecoderError("too many pictures wait to be decoded") from None
        try:
            word, exit_status = await self._tried(ask, file, target)
            if exit_status is None:  # it was the zygote that died: there is another one now
                word, exit_status = await self._tried(ask, file, target)
            return self._understood(ask, word, exit_status)
        finally:
            self._turns.release()

    async def _tried(self, ask: Ask, file: IO[bytes], target: int) -> tuple[bytes | None, int | None]:
        with _scratch() as source:
            if _is_at_hand(file):
                _copy(file, source)
            else:
                await _to_its_end(_copy, file, source)
            connection = self._zygote.fork(ask.to_line(), source, target)
        return await _last_words(connection)

    def _understood(self, ask: Ask, word: bytes | None, exit_status: int | None) -> Told:
        """A child's word, or what its end means."""
        if word is None or exit_status != os.EX_OK:
            self.num_died += 1
            raise _meaning_of(exit_status)
        try:
            said = _WORD.validate_json(word)
            if isinstance(said, Refused):
                raise _refusal(said)
            check_told(said, ask.bounds)
        except ValueError as error:  # nobody but the picture can have made it say so
            log.warning("a picture's decoder says what cannot be: %s", error)
            raise InvalidPictureError(UNDECODABLE) from error
        return said


async def _last_words(connection: socket.socket) -> tuple[bytes | None, int | None]:
    """A child's word and its exit status, as far as they come. Closing the connection ends the child."""
    said, loop = b"", asyncio.get_running_loop()
    with connection:
        connection.setblocking(False)
        try:
            async with asyncio.timeout(WALL_S + SPARE_S):
                while len(said) < MAX_LINE_BYTES and (more := await loop.sock_recv(connection, MAX_LINE_BYTES)):
                    said += more
        except TimeoutError:
            return None, -signal.SIGALRM
    *words, last = said.splitlines() or [b""]
    try:
        status = json.loads(last)["exit"]
    except (ValueError, KeyError, TypeError):
        return None, None
    return words[0] if words else None, status


def _meaning_of(exit_status: int | None) -> PictureError | DecoderError:
    """Whose fault it is that a child has ended early."""
    if exit_status in TOO_LONG:
        return InvalidPictureError("the image takes too long to be decoded")
    if exit_status in (None, -signal.SIGKILL):
        return DecoderError("a decoder was ended from outside")
    log.error("a picture has ended its decoder: exit status %s", exit_status)
    if exit_status == os.EX_SOFTWARE:
        return DecoderError("a decoder does not work")
    return InvalidPictureError(UNDECODABLE)


def _refusal(said: Refused) -> PictureError:
    if said.error == PictureTooLargeError.__name__:
        width, height, limit = (said.facts.get(name, 0) for name in ("width", "height", "limit"))
        return PictureTooLargeError(said.message, width=width, height=height, limit=limit)
    return {kind.__name__: kind for kind in REFUSALS}.get(said.error, InvalidPictureError)(said.message[:MAX_SENTENCE])


async def _to_its_end(call: Callable[..., T], *arguments: object) -> T:
    """The call's result, from a thread. Not even who is cancelled leaves before it has ended: it works on a
    descriptor that is closed then, and whose number is soon somebody else's."""
    running = asyncio.ensure_future(asyncio.to_thread(call, *arguments))
    try:
        return await asyncio.shield(running)
    finally:
        while not running.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running])


@contextlib.contextmanager
def _scratch() -> Iterator[int]:
    """A file without a name, in memory where the system has such. Raises DecoderError."""
    try:
        fd = _nameless_file()
    except OSError as error:
        raise DecoderError("there is no room for a picture to be decoded") from error
    try:
        yield fd
    finally:
        os.close(fd)


def _nameless_file() -> int:
    with contextlib.suppress(AttributeError, OSError):
        return os.memfd_create("picture")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _is_at_hand(file: IO[bytes]) -> bool:
    """Whether a copy takes less than a thread would: a small upload whose spool has not been rolled over to disk."""
    return not getattr(file, "_rolled", True) and file.seek(0, os.SEEK_END) <= SMALL_BYTES


def _copy(file: IO[bytes], fd: int) -> None:
    """Copy the whole of `file`, and go back to where the copy begins. Raises DecoderError."""
    try:
        file.seek(0)
        with os.fdopen(fd, "wb", closefd=False) as target:
            shutil.copyfileobj(file, target)
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError as error:
        raise DecoderError("there is no room for a picture to be decoded") from error
