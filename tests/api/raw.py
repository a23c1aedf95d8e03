"""A connection that does what no client library would."""

from __future__ import annotations

import http.client
import socket
from typing import Self

import httpx

RECEIVE_BUFFER_BYTES = 8192
BOUNDARY = "b"
FORM = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="cat.png"\r\n\r\n'.encode()
END = f"\r\n--{BOUNDARY}--\r\n".encode()


class Raw:
    """One connection with a small receive buffer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._socket.settimeout(60)
        self._socket.connect(("127.0.0.1", port))

    def send(self, data: bytes) -> Self:
        self._socket.sendall(data)
        return self

    def request(self, line: str, *headers: str) -> Self:
        """The head of a request, with alice's key."""
        key = "Authorization: Bearer secret of alice"
        return self.send("\r\n".join([f"{line} HTTP/1.1", "Host: localhost", key, *headers, "", ""]).encode())

    def upload(self, size_bytes: int, *headers: str) -> Self:
        """The head of a submission and the beginning of its form."""
        kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
        return self.request("POST /api/v1/upscale", kind, f"Content-Length: {size_bytes}", *headers).send(FORM)

    def read(self, most_bytes: int) -> bytes:
        """So many bytes at most, at least one unless the other side has ended."""
        return self._socket.recv(most_bytes)

    def answer(self, method: str = "POST") -> httpx.Response:
        """The whole answer, as other clients see it."""
        found = http.client.HTTPResponse(self._socket, method=method)
        found.begin()
        said = httpx.Response(found.status, headers=found.getheaders(), content=found.read())
        said.request = httpx.Request(method, "http://localhost")
        return said

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
