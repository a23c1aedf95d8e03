"""What the kernel knows of a connection: how much of what was sent has reached the other side.

uvicorn's `send` returns when bytes are on their way, and silently after the client has left; the
kernel's buffers hold megabytes. So delivery is judged by what the client's kernel has acknowledged.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from typing import Any, Self

from starlette.types import Receive

SIOCOUTQ = 0x5411
TCP_INFO_BYTES, BYTES_ACKED_AT = 192, 120
"""Of Linux's `struct tcp_info`: room for all of it, and the place of `tcpi_bytes_acked`."""
TCP_CLOSE = 7


class Wire:
    """One client's TCP connection. It looks through a file descriptor of its own, since the server
    closes its descriptor the moment the client leaves; `close` it."""

    def __init__(self, transport: Any, own: socket.socket) -> None:
        self._transport, self._socket = transport, own
        self._due = 0

    @classmethod
    def of(cls, receive: Receive) -> Self | None:
        """The connection behind uvicorn's `receive`; None where there is none to be seen, such as in a
        test without a server, or beneath another system than Linux."""
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        known = transport and transport.get_extra_info("socket")
        if not known or known.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        try:
            wire = cls(transport, socket.socket(fileno=os.dup(known.fileno())))
        except OSError:
            return None
        try:
            wire.expect(0)
        except (OSError, AttributeError, struct.error):  # not Linux, or an old one
            wire.close()
            return None
        return wire

    def expect(self, size_bytes: int) -> None:
        """From here on `size_bytes` are sent; `arrived` tells when they are there. Raises OSError."""
        while True:  # an acknowledgement may come between the two readings
            acked, queued = self._acked(), self._queued()
            if acked == self._acked():
                break
        self._due = acked + queued + self._transport.get_write_buffer_size() + size_bytes

    def arrived(self) -> bool:
        return self.left_bytes() <= 0

    def left_bytes(self) -> int:
        """How much of what is expected the client's kernel has not acknowledged."""
        return self._due - self._acked()

    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        unsent: int = self._transport.get_write_buffer_size()
        return self._queued() == 0 and unsent == 0

    def is_dead(self) -> bool:
        """Whether the connection was reset: nothing more will arrive."""
        return self._info()[0] == TCP_CLOSE

    def abort(self) -> None:
        """End the connection and drop what it still holds."""
        self._transport.abort()

    def close(self) -> None:
        self._socket.close()

    def _queued(self) -> int:
        queued: int = struct.unpack("i", fcntl.ioctl(self._socket.fileno(), SIOCOUTQ, b"\0" * 4))[0]
        return queued

    def _acked(self) -> int:
        acked: int = struct.unpack_from("Q", self._info(), BYTES_ACKED_AT)[0]
        return acked

    def _info(self) -> bytes:
        return self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
