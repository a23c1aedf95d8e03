"""What every answer carries: a request id, no caching, no sniffing. A plain ASGI middleware, which also counts the
answers that are errors."""

from __future__ import annotations

import logging
import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.ingress.problems import PROBLEM, problem, refused
from deployments.metrics import catalogue as figures
from deployments.metrics.meter import UNMETERED, Meter

log = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


class Envelope:
    """Outermost, so that the answers of error handlers carry it too."""

    def __init__(self, app: ASGIApp, *, adds_request_id: bool = True, meter: Meter = UNMETERED) -> None:
        self._app, self._adds_request_id = app, adds_request_id
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = Headers(scope=scope).get("x-request-id", "")
        request_id = wanted if REQUEST_ID.match(wanted) else secrets.token_hex(8)
        scope["upscaler.request_id"] = request_id

        started = False

        async def send_enveloped(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if code := scope.get(PROBLEM):
                    self._meter.count(figures.PROBLEMS, code=code)
                headers = MutableHeaders(scope=message)
                if self._adds_request_id:
                    headers["X-Request-ID"] = request_id
                headers["Cache-Control"] = "no-store"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        try:
            await self._app(scope, receive, send_enveloped)
        except Exception:  # the border: a bug is logged, told without a word of it, and ends this request only
            log.exception("request %s failed", request_id)
            if not started:
                await problem(Request(scope), refused("internal"))(scope, receive, send_enveloped)
