"""Connections whose request never comes whole. uvicorn waits for the rest of a request's head for ever, and
takes one of any length; behind a reverse proxy of the operator's that is the proxy's to bound, else ours."""

from __future__ import annotations

import asyncio

from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_S, HEAD_BYTES = 10.0, 64 << 10
"""How long a connection may take to say what it wants, and in how many bytes."""


class PatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # whichever of uvicorn's two is installed
    """uvicorn's own protocol, with an end to its patience."""

    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_idle():
            self._rest()
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._hang_up()
        elif self._deadline is None:  # the first bytes of another request; until they come, keep-alive has its own
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        """Whether no request is being answered: what comes belongs to the head of the next."""
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        self._deadline = asyncio.get_running_loop().call_later(HEAD_S, self._hang_up)

    def _rest(self) -> None:
        self._head_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _hang_up(self) -> None:
        if self.transport.get_protocol() is self and self._is_idle():  # else it has become a web socket, or is at work
            self.transport.abort()


def install() -> None:
    """Let every uvicorn server that this process starts from now on have it."""
    HTTP_PROTOCOLS["auto"] = f"{__name__}:{PatientProtocol.__name__}"
