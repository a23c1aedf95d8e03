"""A client that is not polite: it reads a little and resets, or reads nothing at all."""

from __future__ import annotations

import socket
import struct
from typing import Self

RECEIVE_BUFFER_BYTES = 8192


class Rude:
    """One connection with a small receive buffer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._socket.settimeout(60)
        self._socket.connect(("127.0.0.1", port))

    def get(self, path: str) -> Self:
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        return self

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
