"""One request's way through the edge."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from deployments.edge.bodies import Body
from deployments.edge.delivery import ANNOUNCEMENT, GRANT_HEADER, Handover
from deployments.edge.download import Download
from deployments.edge.shared import Shared
from deployments.edge.status import job_asked_for, status_answer
from deployments.errors import RequestError, ServiceError, StoreUnavailableError
from deployments.ingress.access import Access
from deployments.ingress.envelope import Envelope
from deployments.ingress.idempotency import key_digest, reserved
from deployments.ingress.keys import Key, KeyRing
from deployments.ingress.problems import problem, refused
from deployments.ingress.upload import announced_bytes, too_large
from deployments.jobs.messages import ANYBODY, Client, EdgeSettings

log = logging.getLogger(__name__)

LINGER_S, LINGER_BYTES, BRIEF_S = 5.0, 64 << 20, 0.2
"""How long a refused body is read and dropped, so that the client comes to read the answer: one that is
moderately too large to its end, another only until the answer must have arrived."""


BODILESS = ("GET", "HEAD", "DELETE")
"""Methods for which the application reads no body."""


class Exchange:
    """`run` it once. The application answers, unless the edge has to."""

    def __init__(self, edge: Shared, scope: Scope, receive: Receive, send: Send) -> None:
        self._edge, self._scope, self._receive, self._send = edge, scope, receive, send
        self._started = False
        self._access = Access()
        self._body: Body | None = None
        self._handover: tuple[Message, Handover] | None = None

    async def run(self, most_body_bytes: int | None = None) -> None:
        """`most_body_bytes`: where that is less than an upload may have."""
        try:
            await self._run(most_body_bytes)
        except Exception:  # the border: as in the ingress, a bug ends this request only
            log.exception("a request failed at the edge")
            if self._started:
                raise
            await self._answer(refused("internal"))

    async def _run(self, most_body_bytes: int | None) -> None:
        try:
            settings = await self._edge.settings()
        except ServiceError:
            await self._answer(refused("unavailable"))
            return
        try:
            self._access = Access(settings.hosts, settings.origins)
            self._access.check(self._scope)
            client = self._client(settings)
        except RequestError as error:
            await self._answer(error, lingering=self._has_body())
            return
        if (job_id := job_asked_for(self._scope)) and not self._has_body():
            await self._answer_status(job_id, client.name)
            return
        if most_body_bytes is not None:
            settings = replace(settings, max_upload_bytes=most_body_bytes)
        if self._is_submission():
            await self._reserve_and_answer(settings)
        else:
            await self._answer_within(settings)

    def _client(self, settings: EdgeSettings) -> Client:
        """Who asks. Raises RequestError."""
        if self._scope["method"] == "OPTIONS":  # a preflight has no key
            return ANYBODY
        return _keys(settings.keys, settings.needs_key).check(self._scope["path"], Headers(scope=self._scope))

    async def _answer_status(self, job_id: str, owner: str) -> None:
        try:
            answer = await status_answer(self._edge.statuses, (job_id, owner))
        except RequestError as error:
            await self._answer(error)
        except ServiceError:
            await self._answer(refused("unavailable"))
        else:
            await self._say(lambda _: answer)

    async def _reserve_and_answer(self, settings: EdgeSettings) -> None:
        """Let the application answer a submission; one with a key only while no other uploads with it."""
        try:
            key = key_digest(Headers(scope=self._scope))
            async with reserved(self._edge.store, self._edge.errands, key):
                await self._answer_within(settings)
        except RequestError as error:
            await self._answer(error, lingering=self._has_body())
        except StoreUnavailableError:
            await self._answer(refused("unavailable"), lingering=self._has_body())

    async def _answer_within(self, settings: EdgeSettings) -> None:
        """Let the application answer a request whose body is within the limits."""
        self._scope["extensions"] = {**self._scope.get("extensions", {}), ANNOUNCEMENT: {}}
        if not self._has_body():  # so there is nothing to be bounded
            await self._edge.app(self._scope, self._receive_nothing, self._pass_on)
            await self._conclude(settings)
            return
        self._body = body = Body(self._receive, self._edge.budget, self._announced_bytes(), settings)
        try:
            if not body.refusal:
                await body.take_whole()
            if not body.refusal and not body.client_left:
                await self._let_answer(body)
            await self._conclude(settings)
        finally:
            body.close()

    async def _receive_nothing(self) -> Message:
        """In place of `receive`, where the application knows that there is no body: when the client has left.
        To pass on that the body is empty costs Serve a call from the replica, and another that fails."""
        if "/api/v1/download/" in self._scope["path"]:  # its lease must come to us, also when the client has left
            await asyncio.get_running_loop().create_future()
        message = await self._receive()
        while self._scope["method"] in BODILESS and message["type"] != "http.disconnect":
            message = await self._receive()
        return message

    async def _let_answer(self, body: Body) -> None:
        """Let the application answer when it is the body's turn."""
        size_bytes = body.size_bytes
        if not await self._edge.replays.enter(size_bytes):
            body.refusal = "too_many_uploads"
            return
        body.piece_bytes = self._edge.replays.piece_bytes
        turn = asyncio.ensure_future(body.settled())
        turn.add_done_callback(lambda _: self._edge.replays.leave(size_bytes))
        try:
            await self._edge.app(self._scope, body.receive, self._pass_on)
        finally:
            turn.cancel()

    async def _conclude(self, settings: EdgeSettings) -> None:
        """Answer what the application has left to us."""
        if self._handover is not None:
            await Download(self._edge, self._receive, self._send, self._answer).run(*self._handover, settings)
        elif self._started:
            return
        elif refusal := self._refusal:
            is_too_large = refusal == "body_too_large"
            error = too_large(settings.max_upload_bytes) if is_too_large else refused(refusal)
            await self._answer(error, lingering=True)
        elif self._body is None or not self._body.client_left:  # Serve has lost the replica, or has its own words
            await self._answer(refused("unavailable"))

    @property
    def _refusal(self) -> str | None:
        """Why the body was not taken."""
        return None if self._body is None else self._body.refusal

    async def _pass_on(self, message: Message) -> None:
        """Take a message of the application, and send it on if it is the client's to see."""
        if message["type"] == "http.response.start" and not self._started and not self._refusal:
            headers = Headers(raw=message["headers"])
            if grant := headers.get(GRANT_HEADER):
                head = {**message, "headers": list(message["headers"])}
                del MutableHeaders(raw=head["headers"])[GRANT_HEADER]
                self._handover = head, Handover.from_header(grant)
            else:  # what Serve says in its own words, we say in ours
                is_serves = message["status"] >= 500 and headers.get("content-type") != "application/problem+json"
                self._started = not is_serves
        if self._started:
            await self._send(message)

    # -- answers of our own --------------------------------------------------------------------------

    async def _answer(self, error: RequestError, *, lingering: bool = False) -> None:
        await self._say(lambda request: problem(request, error), lingering=lingering)

    async def _say(self, made: Callable[[Request], Response], *, lingering: bool = False) -> None:
        async def say(scope: Scope, receive: Receive, send: Send) -> None:
            answer = made(Request(scope))
            answer.headers.update(self._access.cors(Headers(scope=scope)))
            if lingering:
                answer.headers["Connection"] = "close"
            await answer(scope, receive, send)

        self._started = True
        await Envelope(say, meter=self._edge.meter)(
            self._scope, self._receive, self._last_after_lingering if lingering else self._send
        )

    async def _last_after_lingering(self, message: Message) -> None:
        """Send an answer to a body that is not read to its end. A connection that is closed with unread
        bytes is reset, and the reset may overtake the answer."""
        is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send({**message, "more_body": True} if is_last else message)
        if is_last:
            with contextlib.suppress(TimeoutError):
                is_moderate = self._refusal == "body_too_large" and 0 < self._announced_bytes() <= LINGER_BYTES
                await asyncio.wait_for(self._drop_body(), LINGER_S if is_moderate else BRIEF_S)
            await self._send({"type": "http.response.body", "body": b""})

    async def _drop_body(self) -> None:
        while (message := await self._receive())["type"] == "http.request" and message.get("more_body", False):
            pass

    def _is_submission(self) -> bool:
        return bool(self._scope["path"].endswith("/api/v1/upscale") and self._scope["method"] == "POST")

    def _has_body(self) -> bool:
        return self._announced_bytes() > 0 or "transfer-encoding" in Headers(scope=self._scope)

    def _announced_bytes(self) -> int:
        return announced_bytes(Headers(scope=self._scope))


@lru_cache(8)
def _keys(keys: tuple[tuple[str, str], ...], is_needed: bool) -> KeyRing:
    """For the edge a key is good or not, and somebody's; what may be done with it, the store knows."""
    return KeyRing((Key(digest, Client(name)) for digest, name in keys), None if is_needed else ANYBODY)
