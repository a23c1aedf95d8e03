"""From where the service may be used: which names it answers to, and which web pages may talk to it.

A service on localhost is within reach of every page that its user visits. A page of another site gives
itself away by its Origin; one that has pointed its own name at 127.0.0.1 (DNS rebinding), by its Host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.errors import RequestError
from deployments.ingress.keys import KeyRing
from deployments.ingress.problems import problem, refused

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
PROBES = ("/healthz", "/readyz")
"""Asked by machines that know an address and no name."""

METHODS = "GET, HEAD, POST, DELETE"
SENT = "Accept, Authorization, Content-Type, Idempotency-Key, Prefer, X-API-Key, X-Request-ID"
SHOWN = "Content-Disposition, ETag, Location, Repr-Digest, Retry-After, X-Request-ID"
SHOWN += ", Idempotent-Replayed, Preference-Applied"
PREFLIGHT_S = 600
CLIENT = "upscaler.client"
"""In the scope: who asks."""


@dataclass(frozen=True, slots=True)
class Access:
    """`hosts`: names in lower case, `*` for any, `*.example.com` for all below one. `origins`: such as https://example.com."""

    hosts: tuple[str, ...] = LOOPBACK
    origins: tuple[str, ...] = ()

    def check(self, scope: Scope) -> None:
        """Raises RequestError: host_not_allowed, origin_not_allowed."""
        headers = Headers(scope=scope)
        if scope["path"] in PROBES:
            return
        if not self._knows(headers.getlist("host")):
            raise refused("host_not_allowed")
        origin = headers.get("origin")
        if origin is not None and not self._is_ours(origin, headers["host"]) and origin not in self.origins:
            raise refused("origin_not_allowed")
        if origin is None and "/api/" in scope["path"] and headers.get("sec-fetch-site") == "cross-site":
            raise refused("origin_not_allowed")  # a picture or a link on somebody's page

    def cors(self, headers: Headers) -> Mapping[str, str]:
        """What lets the page that asks read the answer; nothing for all others."""
        origin = headers.get("origin")
        if origin not in self.origins:
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": SHOWN, "Vary": "Origin"}

    def _knows(self, hosts: list[str]) -> bool:
        if len(hosts) != 1:
            return False
        name = _without_port(hosts[0]).lower()
        return any(
            known in ("*", name) or (known.startswith("*.") and name.endswith(known[1:])) for known in self.hosts
        )

    @staticmethod
    def _is_ours(origin: str, host: str) -> bool:
        """Whether the page comes from this service itself. What speaks TLS before us keeps the name."""
        try:
            return urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:  # no address at all
            return False


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdecimal() or not port) and not name.endswith(":") else host


class Guard:
    """The middleware: refuses, answers preflights, and lets pages that may do so read the answers."""

    def __init__(self, app: ASGIApp, access: Access, keys: KeyRing) -> None:
        self._app, self._access, self._keys = app, access, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._access.check(scope)
        except RequestError as error:
            await problem(Request(scope), error)(scope, receive, send)
            return
        headers = Headers(scope=scope)
        allowed = self._access.cors(headers)
        if allowed and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await Response(status_code=204, headers={**allowed, **_PREFLIGHT})(scope, receive, send)
            return

        async def send_readable(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(allowed)
            await send(message)

        try:
            scope[CLIENT] = self._keys.check(scope["path"], headers)
        except RequestError as error:
            await problem(Request(scope), error)(scope, receive, send_readable)
            return
        await self._app(scope, receive, send_readable)


_PREFLIGHT = {
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Allow-Headers": SENT,
    "Access-Control-Max-Age": str(PREFLIGHT_S),
}
