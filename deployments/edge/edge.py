"""Edge: bounds what comes in, and streams what goes out, where the client's socket is.

Around Serve's proxy, since what happens behind it is too late: the proxy holds a body whole before a
replica sees it, and takes a download from a replica far faster than the client does.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.batching import Batched
from deployments.edge.bodies import BodyBudget, Replays
from deployments.edge.exchange import Exchange
from deployments.edge.result import LOOK_AGAIN_S
from deployments.edge.shared import EdgeStore
from deployments.errands import Errands
from deployments.errors import ServiceError
from deployments.ingress.envelope import REQUEST_ID
from deployments.jobs.messages import EdgeSettings
from deployments.logs import write_as
from deployments.metrics.meter import UNMETERED, Meter
from deployments.storage.proof import prove_same_storage
from deployments.storage.storage import JobStorage, open_storage

log = logging.getLogger(__name__)

OURS = re.compile(r"/api/v1/|/readyz$")
STRIPPED = frozenset(
    {
        *(b"x-request-timeout-seconds", b"x-request-disconnect-disabled"),
        *(b"x-session-id", b"serve-multiplexed-model-id", b"serve_multiplexed_model_id"),
    }
)
"""With these headers Serve lets a client change how long a request lives, or where it goes; and it fails at those
that are not UTF-8."""
REFRESH_S = 30.0
ELSEWHERE_BYTES = 64 << 10
"""The largest body at an address that is not ours: Serve's proxy would hold any in memory."""


class Edge:
    """The middleware. Holds what its exchanges share: the settings, the storage, and what is in use."""

    def __init__(
        self,
        app: ASGIApp,
        store: EdgeStore,
        clock: Callable[[], float] = time.monotonic,
        meter: Meter = UNMETERED,
    ) -> None:
        self.app, self.store, self.clock = app, store, clock
        self.meter = meter
        self.errands = Errands()
        self.statuses = Batched(store.statuses, self.errands)
        self.budget, self.replays = BodyBudget(), Replays()
        self.num_downloads = 0
        self._settings: EdgeSettings | None = None
        self._known_at = clock()
        self._storage: tuple[str, JobStorage] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in STRIPPED]
        headers = MutableHeaders(scope=scope)
        request_ids = headers.getlist("x-request-id")
        if len(request_ids) > 1 or not all(map(REQUEST_ID.match, request_ids)):
            del headers["x-request-id"]  # Serve makes one, but repeats what a client says without a look
        is_ours = OURS.search(scope["path"]) is not None
        if not is_ours and headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            await self.app(scope, receive, send)
            return
        await Exchange(self, scope, receive, send).run(None if is_ours else ELSEWHERE_BYTES)

    async def settings(self) -> EdgeSettings:
        """The store's word. Waits for it the first time only. Raises ServiceError when it never came."""
        if self._settings is None:
            await self._ask()
        elif self.clock() - self._known_at > REFRESH_S:
            self._known_at = self.clock()
            self.errands.start(self._refresh())
        assert self._settings is not None  # noqa: S101  (asked above, or an error was raised)
        return self._settings

    async def storage(self) -> JobStorage:
        """The storage that the store owns, and none that only has the same name. Raises ServiceError."""
        url = (await self.settings()).storage_url
        if self._storage is None or self._storage[0] != url:
            storage = open_storage(url)
            await prove_same_storage(storage, self.store, LOOK_AGAIN_S)
            self._storage = url, storage
        return self._storage[1]

    def forget(self) -> None:
        """What was known of the store and its storage has turned out to be wrong: ask again."""
        self._settings = self._storage = None

    async def _ask(self) -> None:
        self._settings = await self.store.edge_settings()
        write_as(self._settings.log_format)
        self._known_at = self.clock()

    async def _refresh(self) -> None:
        try:
            await self._ask()
        except ServiceError as error:
            log.warning("the edge goes by what it knew: %s", error)
