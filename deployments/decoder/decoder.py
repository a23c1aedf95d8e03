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
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter, ValidationError

from deployments.decoder.child import WALL_S
from deployments.decoder.wire import MAX_LINE_BYTES, Ask, Bounds, Refused, Seen, Told, is_within, read_picture
from deployments.errors import DecoderError
from upscaler.errors import (
    AnimatedPictureError,
    InvalidPictureError,
    PictureError,
    PictureTooLargeError,
    UnsupportedFormatError,
)
from upscaler.picture import Picture

log = logging.getLogger(__name__)

MAX_RUNNING = 2
"""Each may hold a whole decoded picture; more of them would not be faster."""

TURN_S, SPARE_S, GOING_S = 60.0, 5.0, 2.0
"""How long a picture waits for its turn; a child's last word longer than the kernel lets it run; and a zygote's end."""

INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")
"""Of the environment. Children have no use for the credentials that may be there."""

SETTINGS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "VIPS_CONCURRENCY": "1", "MALLOC_ARENA_MAX": "2"}
START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from deployments.decoder.zygote import main; main()"

TOO_LONG = (-signal.SIGXCPU, -signal.SIGALRM)
REFUSALS = (UnsupportedFormatError, AnimatedPictureError, InvalidPictureError)

_WORD: TypeAdapter[Told | Refused] = TypeAdapter(Told | Refused)


class Decoder:
    """`look` and `decode` from one event loop. `start` spares the first picture a wait; `close` ends all children."""

    def __init__(self, max_running: int = MAX_RUNNING) -> None:
        self._turns = asyncio.Semaphore(max_running)
        self._zygote: subprocess.Popen[bytes] | None = None
        self._door: socket.socket | None = None
        self._is_closed = False
        self.num_died = 0
        """Children that ended by a signal, by a limit, or without a word."""

    async def look(self, file: IO[bytes], bounds: Bounds) -> Seen:
        """Decode a picture in full and throw the pixels away.

        Raises PictureError when the file is at fault, DecoderError when we are.
        """
        with _scratch() as target:
            return (await self._run(Ask(bounds), file, target)).seen

    async def decode(self, file: IO[bytes], bounds: Bounds, *, keeps_metadata: bool = False) -> Picture:
        """Decode a picture. Raises what `look` raises."""
        with _scratch() as target:
            word = await self._run(Ask(bounds, wants_pixels=True, keeps_metadata=keeps_metadata), file, target)
            try:
                return await asyncio.to_thread(read_picture, word, target)
            except (EOFError, ValueError) as error:
                raise DecoderError("a decoder gave less than it told of") from error

    def start(self) -> None:
        """Have the zygote run. One that has ended is replaced. Raises DecoderError when it cannot be started."""
        if self._is_closed:
            raise DecoderError("the decoder was closed")
        if self._zygote is not None and self._zygote.poll() is None:
            return
        self._let_go()
        self._door, theirs = socket.socketpair()
        with theirs:
            path = json.dumps([str(Path(entry or ".").absolute()) for entry in sys.path])
            self._zygote = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-I", "-S", "-c", START, path],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={name: os.environ[name] for name in INHERITED if name in os.environ} | SETTINGS,
                start_new_session=True,
            )

    def close(self) -> None:
        """End the zygote and whatever it has running, for good."""
        self._is_closed = True
        self._let_go()

    def _let_go(self) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None
        if self._zygote is not None:
            try:
                self._zygote.wait(GOING_S)  # with its door closed it ends its children, and itself
            except subprocess.TimeoutExpired:
                self._zygote.kill()
                self._zygote.wait()
            self._zygote = None

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
            await asyncio.to_thread(_copy, file, source)
            connection = self._forked(ask, source, target)
        return await _last_words(connection)

    def _forked(self, ask: Ask, source: int, target: int) -> socket.socket:
        """Our end of the connection to a new child."""
        try:
            self.start()
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise DecoderError("no decoder can be started") from error
        with theirs:
            try:
                assert self._door is not None  # noqa: S101 - `start` has made it
                socket.send_fds(self._door, [ask.to_line()], [theirs.fileno(), source, target])
            except OSError as error:
                ours.close()
                raise DecoderError("the decoder takes no picture") from error
        return ours

    def _understood(self, ask: Ask, word: bytes | None, exit_status: int | None) -> Told:
        """A child's word, or what its end means."""
        if word is None or exit_status != os.EX_OK:
            self.num_died += 1
            raise _meaning_of(exit_status)
        try:
            said = _WORD.validate_json(word)
        except ValidationError as error:
            raise DecoderError("a decoder speaks what we do not understand") from error
        if isinstance(said, Refused):
            raise _refusal(said)
        if not is_within(said, ask.bounds):
            raise DecoderError("a decoder tells of a picture that cannot be")
        return said


async def _last_words(connection: socket.socket) -> tuple[bytes | None, int | None]:
    """A child's word and its exit status, as far as they come. Closing the connection ends the child."""
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=2 * MAX_LINE_BYTES)
    try:
        async with asyncio.timeout(WALL_S + SPARE_S):
            said = await reader.readexactly(MAX_LINE_BYTES)  # which it will not be: the end comes first
    except asyncio.IncompleteReadError as ended:
        said = ended.partial
    except TimeoutError:
        return None, -signal.SIGALRM
    finally:
        writer.close()
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
    return InvalidPictureError("the image is damaged: its pixels cannot be decoded")


def _refusal(said: Refused) -> PictureError:
    if said.error == PictureTooLargeError.__name__:
        width, height, limit = (said.facts.get(name, 0) for name in ("width", "height", "limit"))
        return PictureTooLargeError(said.message, width=width, height=height, limit=limit)
    return {kind.__name__: kind for kind in REFUSALS}.get(said.error, InvalidPictureError)(said.message)


@contextlib.contextmanager
def _scratch() -> Iterator[int]:
    """A file without a name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("picture")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    try:
        yield fd
    finally:
        os.close(fd)


def _copy(file: IO[bytes], fd: int) -> None:
    """Copy the whole of `file`, and go back to where the copy begins."""
    file.seek(0)
    with os.fdopen(fd, "wb", closefd=False) as target:
        shutil.copyfileobj(file, target)
    os.lseek(fd, 0, os.SEEK_SET)
