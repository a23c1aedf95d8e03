"""A child: decodes one picture under limits that the kernel keeps, answers, ends. Knows no key, no network, no job."""

from __future__ import annotations

import math
import os
import resource
import signal
import socket
from dataclasses import dataclass

from deployments.decoder import linux
from deployments.decoder.wire import MAX_EXTRAS_BYTES, MAX_PX_BYTES, Ask, refused, to_line, told
from deployments.decoder.wire import write_picture as write
from upscaler.errors import InvalidPictureError, PictureError
from upscaler.pictures.decoding import Header, decode
from upscaler.pictures.picture import Picture, check_side

WALL_S = 60
"""On a machine that has better things to do; what a picture really costs is bounded by processor time."""

CPU_S, CPU_S_PER_MPX, CMYK_S_PER_MPX = 3, 0.4, 0.7
HEADER_BYTES, BYTES_PER_PX, TIMES_FILE = 192 << 20, 40, 8
"""Memory for a header, and for each pixel and each byte of the file: several times what the worst codec needs."""

MAX_FILES = 32

HUGE_PX = 500_000
"""From here on it pays to have memory in pages of 2 MiB: fewer faults, but more to be cleared."""


@dataclass(frozen=True, slots=True)
class _Room:
    """Addresses for a file of that size, beside those that its child had from the zygote."""

    had_bytes: int | None
    file_bytes: int

    def limit(self, px: int) -> None:
        if self.had_bytes is not None:
            more_bytes = HEADER_BYTES + BYTES_PER_PX * px + TIMES_FILE * self.file_bytes
            _limit(resource.RLIMIT_AS, self.had_bytes + more_bytes)


def serve(ask: Ask, connection: socket.socket, source: int, target: int, had_bytes: int | None) -> None:
    """Do a task: read the picture from `source`, put it into `target`, and say so.

    `had_bytes`: addresses that the zygote has, and so its child; None where the kernel does not tell.
    """
    room = _Room(had_bytes, os.fstat(source).st_size)
    _limit_all(room)
    try:
        picture = _decoded(ask, source, room)
        if ask.wants_pixels:
            write(picture, target)
        word = to_line(told(picture))
    except PictureError as error:
        word = to_line(refused(error))
    except MemoryError:
        word = to_line(refused(InvalidPictureError("the image needs too much memory to be decoded")))
    connection.sendall(word)


def _decoded(ask: Ask, source: int, room: _Room) -> Picture:
    bounds = ask.bounds

    def check(header: Header) -> None:
        bounds.limits.check(header.width, header.height, bounds.scale)
        check_side(bounds.format, header.width, header.height, bounds.scale)
        _limit_for(header, room)

    with os.fdopen(source, "rb", buffering=0) as file:
        return decode(file, bounds.scale if ask.keeps_metadata else None, check)


def _limit_all(room: _Room) -> None:
    """What any picture may take until its header is known."""
    signal.setitimer(signal.ITIMER_REAL, WALL_S)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, MAX_FILES)
    _limit(resource.RLIMIT_CPU, CPU_S)
    room.limit(0)


def _limit_for(header: Header, room: _Room) -> None:
    """What a picture of that size may take."""
    px = header.width * header.height
    if px >= HUGE_PX:
        linux.use_huge_pages(yes=True)
    _limit(resource.RLIMIT_FSIZE, px * MAX_PX_BYTES + MAX_EXTRAS_BYTES)
    _limit(resource.RLIMIT_CPU, CPU_S + math.ceil((CMYK_S_PER_MPX if header.is_cmyk else CPU_S_PER_MPX) * px / 1e6))
    room.limit(px)


def _limit(what: int, amount: int) -> None:
    """The lower limit alone, which can be raised again, and at which the kernel tells why it ends a process."""
    most = resource.getrlimit(what)[1]
    resource.setrlimit(what, (amount if most == resource.RLIM_INFINITY else min(amount, most), most))
