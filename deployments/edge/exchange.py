"""One request's way through the edge."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from functools import lru_cache, partial
from typing import Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.edge.bodies import Body, BodyBudget, Replays
from deployments.edge.delivery import ANNOUNCEMENT, GRANT_HEADER, Delivery, Handover
from deployments.edge.lease import LeaseStore, under_lease
from deployments.edge.result import open_result, why_not_there
from deployments.errands import Errands
from deployments.errors import RequestError, ServiceError, StoreUnavailableError
from deployments.ingress.access import Access
from deployments.ingress.envelope import Envelope
from deployments.ingress.idempotency import UploadStore, key_digest, reserved
from deployments.ingress.keys import Key, KeyRing
from deployments.ingress.problems import problem, refused
from deployments.ingress.upload import too_large
from deployments.jobs.messages import ANYBODY, DownloadOutcome, EdgeSettings, Offer, Refusal
from deployments.storage.storage import JobStorage

log = logging.getLogger(__name__)

LINGER_S, LINGER_BYTES, BRIEF_S = 5.0, 64 << 20, 0.2
"""How long a refused body is read and dropped, so that the client comes to read the answer: one that is
moderately too large to its end, another only until the answer must have arrived."""


class EdgeStore(LeaseStore, UploadStore, Protocol):
    """What the edge needs of the job store."""

    async def edge_settings(self) -> EdgeSettings: ...

    async def proof(self) -> bytes: ...

    async def offer(self, job_id: str) -> Offer | Refusal: ...


class Shared(Protocol):
    """What an exchange needs of its edge."""

    app: ASGIApp
    store: EdgeStore
    errands: Errands
    budget: BodyBudget
    replays: Replays
    num_downloads: int

    async def settings(self) -> EdgeSettings: ...

    async def storage(self) -> JobStorage: ...

    def forget(self) -> None: ...


class Exchange:
    """`run` it once. The application answers, unless the edge has to."""

    def __init__(self, edge: Shared, scope: Scope, receive: Receive, send: Send) -> None:
        self._edge, self._scope, self._receive, self._send = edge, scope, receive, send
        self._started = self._replaced = self._is_too_large = False
        self._access = Access()
        self._handover: tuple[Message, Handover] | None = None

    async def run(self, most_body_bytes: int | None = None) -> None:
        """`most_body_bytes`: where that is less than an upload may have."""
        try:
            settings = await self._edge.settings()
        except ServiceError:
            await self._answer(refused("unavailable"))
            return
        try:
            self._access = Access(settings.hosts, settings.origins)
            self._access.check(self._scope)
            if self._scope["method"] != "OPTIONS":  # a preflight has no key
                _keys(settings.key_digests, settings.needs_key).check(self._scope["path"], Headers(scope=self._scope))
        except RequestError as error:
            await self._answer(error, lingering=self._has_body())
            return
        if most_body_bytes is not None:
            settings = replace(settings, max_upload_bytes=most_body_bytes)
        if self._is_submission():
            await self._reserve_and_answer(settings)
        elif not self._is_download():
            await self._answer_within(settings)
        elif self._edge.num_downloads >= settings.max_downloads:
            await self._answer(refused("too_many_downloads"))
        else:
            self._edge.num_downloads += 1
            try:
                await self._answer_within(settings)
            finally:
                self._edge.num_downloads -= 1

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
        body = Body(self._receive, self._edge.budget, self._announced_bytes(), settings)
        try:
            if self._has_body() and not body.refusal:
                await body.take_whole()
            if not body.refusal and not body.client_left:
                await self._let_answer(body)
            await self._conclude(body, settings)
        finally:
            body.close()

    async def _let_answer(self, body: Body) -> None:
        """Let the application answer when it is the body's turn."""
        size_bytes = body.size_bytes
        if not await self._edge.replays.enter(size_bytes):
            body.refusal = "too_many_uploads"
            return
        try:
            await self._edge.app(self._scope, body.receive, partial(self._pass_on, body))
        finally:
            await self._edge.replays.leave(size_bytes)

    async def _conclude(self, body: Body, settings: EdgeSettings) -> None:
        """Answer what the application has left to us."""
        if self._handover is not None:
            await self._deliver(*self._handover)
        elif body.refusal and not self._started:
            self._is_too_large = body.refusal == "body_too_large"
            error = too_large(settings.max_upload_bytes) if self._is_too_large else refused(body.refusal)
            await self._answer(error, lingering=True)
        elif not self._started and not body.client_left:  # Serve has lost the replica, or said so in its own words
            await self._answer(refused("unavailable"))

    async def _pass_on(self, body: Body, message: Message) -> None:
        """Take a message of the application, and send it on if it is the client's to see."""
        if message["type"] == "http.response.start" and not self._started and not body.refusal:
            headers = Headers(raw=message["headers"])
            if grant := headers.get(GRANT_HEADER):
                head = {**message, "headers": list(message["headers"])}
                del MutableHeaders(raw=head["headers"])[GRANT_HEADER]
                self._handover = head, Handover.from_header(grant)
            elif message["status"] >= 500 and headers.get("content-type") != "application/problem+json":
                self._replaced = True
            else:
                self._started = True
        if self._started:
            await self._send(message)

    # -- answers of our own --------------------------------------------------------------------------

    async def _answer(self, error: RequestError, *, lingering: bool = False) -> None:
        async def say(scope: Scope, receive: Receive, send: Send) -> None:
            answer = problem(Request(scope), error)
            answer.headers.update(self._access.cors(Headers(scope=scope)))
            if lingering:
                answer.headers["Connection"] = "close"
            await answer(scope, receive, send)

        self._started = True
        await Envelope(say)(self._scope, self._receive, self._last_after_lingering if lingering else self._send)

    async def _last_after_lingering(self, message: Message) -> None:
        """Send an answer to a body that is not read to its end. A connection that is closed with unread
        bytes is reset, and the reset may overtake the answer."""
        is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send({**message, "more_body": True} if is_last else message)
        if is_last:
            with contextlib.suppress(TimeoutError):
                is_moderate = self._is_too_large and 0 < self._announced_bytes() <= LINGER_BYTES
                await asyncio.wait_for(self._drop_body(), LINGER_S if is_moderate else BRIEF_S)
            await self._send({"type": "http.response.body", "body": b""})

    async def _drop_body(self) -> None:
        while (message := await self._receive())["type"] == "http.request" and message.get("more_body", False):
            pass

    def _is_submission(self) -> bool:
        return bool(self._scope["path"].endswith("/api/v1/upscale") and self._scope["method"] == "POST")

    def _is_download(self) -> bool:
        return "/api/v1/download/" in self._scope["path"] and self._scope["method"] == "GET"

    def _has_body(self) -> bool:
        return self._announced_bytes() > 0 or "transfer-encoding" in Headers(scope=self._scope)

    def _announced_bytes(self) -> int:
        announced = Headers(scope=self._scope).get("content-length", "")
        return int(announced) if announced.isdecimal() and announced.isascii() else 0

    # -- downloads -----------------------------------------------------------------------------------

    async def _deliver(self, head: Message, handover: Handover) -> None:
        """Stream a result that the application has leased for us, and tell the store how it went."""
        await under_lease(self._edge.store, self._edge.errands, handover, partial(self._delivered, head, handover))

    async def _delivered(self, head: Message, handover: Handover) -> DownloadOutcome:
        try:
            storage = await self._edge.storage()
            chunks = await open_result(storage, handover)
        except FileNotFoundError as error:
            log.warning("job %s: %s", handover.job_id, error)
            return await self._not_there(storage, handover)
        except ServiceError as error:
            log.warning("job %s: the result cannot be read: %s", handover.job_id, error)
            await self._answer(refused("unavailable"))
            return "aborted"
        self._started = True
        has_arrived = await Delivery(head, chunks, handover.size_bytes).run(self._receive, self._send)
        return "delivered" if has_arrived else "aborted"

    async def _not_there(self, storage: JobStorage, handover: Handover) -> DownloadOutcome:
        """Answer for bytes that are not as published: lost, unless somebody has deleted them just now or it
        is us who look in the wrong place."""
        code = await why_not_there(storage, self._edge.store, handover.job_id)
        if code == "unavailable":
            self._edge.forget()
        await self._answer(refused(code))
        return "lost" if code == "result_lost" else "aborted"


@lru_cache(8)
def _keys(digests: tuple[str, ...], is_needed: bool) -> KeyRing:
    """For the edge a key is good or not; whose it is, the ingress finds out."""
    return KeyRing((Key(digest, ANYBODY) for digest in digests), None if is_needed else ANYBODY)
