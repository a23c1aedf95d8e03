"""The application behind an Edge on a real server and real sockets, and a client that misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import uvicorn

from deployments.edge.edge import Edge
from deployments.jobs.messages import EdgeSettings
from deployments.jobs.store import JobStore

PATIENCE_S = 20.0
SETTINGS = EdgeSettings("", max_upload_bytes=1 << 20, max_bodies_bytes=3 << 20, max_downloads=4)


class StoreOfTheEdge:
    """A store in this process, with the settings that its actor would add."""

    def __init__(self, store: JobStore, settings: EdgeSettings) -> None:
        self._store, self.settings = store, settings

    async def edge_settings(self) -> EdgeSettings:
        return self.settings

    async def begin_upload(self, key):
        return await self._store.begin_upload(key)

    async def end_upload(self, key):
        await self._store.end_upload(key)

    async def proof(self):
        return await self._store.proof()

    async def statuses(self, asked):
        return await self._store.statuses(asked)

    async def offer(self, job_id):
        return await self._store.offer(job_id)

    async def extend_download(self, job_id, lease_id):
        return await self._store.extend_download(job_id, lease_id)

    async def end_download(self, job_id, lease_id, outcome):
        await self._store.end_download(job_id, lease_id, outcome)


@contextlib.asynccontextmanager
async def serving(app: Edge) -> AsyncIterator[int]:
    """The port on which the application answers, by uvicorn."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", loop="none"))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = server.force_exit = True
        await running


class RawClient:
    """One connection, read and ended as the test wants it."""

    def __init__(self, port: int, receive_buffer_bytes: int = 8192) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self._socket.setblocking(False)
        self._port = port

    async def send(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and not self._is_connected():
            await loop.sock_connect(self._socket, ("127.0.0.1", self._port))
        await loop.sock_sendall(self._socket, data)

    async def get(self, path: str, *headers: str) -> None:
        await self.send("\r\n".join([f"GET {path} HTTP/1.1", "Host: test", *headers, "", ""]).encode())

    async def read(self, most_bytes: int) -> bytes:
        """So many bytes, or what there was before the end."""
        data = b""
        while len(data) < most_bytes:
            more = await asyncio.get_running_loop().sock_recv(self._socket, min(4096, most_bytes - len(data)))
            if not more:
                break
            data += more
        return data

    async def head(self) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            data += await self.read(1)
        return data

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        self._socket.close()

    def _is_connected(self) -> bool:
        try:
            self._socket.getpeername()
        except OSError:
            return False
        return True
