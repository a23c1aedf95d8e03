"""A client that is not polite: it reads a little and resets, or reads nothing at all."""

from __future__ import annotations

import select
import socket
import struct
from typing import Self

RECEIVE_BUFFER_BYTES, CHUNK_BYTES = 8192, 1 << 16


class Rude:
    """One connection with a small receive buffer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._socket.settimeout(60)
        self._socket.connect(("127.0.0.1", port))

    def get(self, path: str) -> Self:
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return self

    def post_endlessly(self, path: str, announced_bytes: int | None) -> str:
        """Send zeros, and never stop, until an answer comes: its version and status. None announces chunks."""
        length = "Transfer-Encoding: chunked" if announced_bytes is None else f"Content-Length: {announced_bytes}"
        kind = "Content-Type: multipart/form-data; boundary=x"
        self._socket.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n{length}\r\n\r\n".encode())
        piece = (
            bytes(CHUNK_BYTES) if announced_bytes else f"{CHUNK_BYTES:x}\r\n".encode() + bytes(CHUNK_BYTES) + b"\r\n"
        )
        self._socket.setblocking(False)
        unsent = memoryview(piece)
        while True:
            readable, _, _ = select.select([self._socket], [self._socket], [], 60)
            if readable:
                return self._socket.recv(12).decode()
            unsent = unsent[self._socket.send(unsent) :] or memoryview(piece)

    def read(self, most_bytes: int) -> int:
        """How many bytes came, the head among them."""
        left_bytes = most_bytes
        while left_bytes and (data := self._socket.recv(min(left_bytes, 1 << 16))):
            left_bytes -= len(data)
        return most_bytes - left_bytes

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        self._socket.close()
