"""How many Upscaler replicas there should be: as many as the waiting work can keep busy."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Any

from ray.serve.config import AutoscalingContext

from deployments.errors import ServiceError
from deployments.jobs.messages import Depth
from deployments.jobs.remote import RemoteStore

log = logging.getLogger("ray.serve")

POLL_S = 1.0


def wanted_replicas(depth: Depth, drain_s: float) -> int:
    """One for every `drain_s` seconds of work, but never more than there are jobs; 0 when there are none."""
    jobs = depth.queued + depth.running
    return min(jobs, max(1, math.ceil(depth.seconds / drain_s))) if jobs else 0


class QueueDepthPolicy:
    """Serve's autoscaling policy. It runs in Serve's controller, where it must neither block nor
    raise: that would stall every application. So it goes by the last answer of the store and asks
    for the next one in a task of its own.
    """

    def __init__(self, store_name: str, drain_s: float) -> None:
        self._store = RemoteStore(store_name)
        self._drain_s = drain_s
        self._depth: Depth | None = None
        self._asking: asyncio.Future[None] | None = None
        self._asked_at = -math.inf

    def __call__(self, context: AutoscalingContext) -> tuple[int, dict[str, Any]]:
        """The target for a deployment. Serve applies its bounds and delays to it. As long as no answer has come,
        all stays as it is: a controller that begins anew knows nothing, while replicas may be at work."""
        self._ask()
        return context.target_num_replicas if self._depth is None else wanted_replicas(self._depth, self._drain_s), {}

    def _ask(self) -> None:
        now = time.monotonic()
        if now - self._asked_at < POLL_S or (self._asking is not None and not self._asking.done()):
            return
        self._asked_at = now
        self._asking = asyncio.ensure_future(self._refresh())

    async def _refresh(self) -> None:
        try:
            self._depth = await self._store.depth()
        except ServiceError as error:
            log.debug("no depth from the store: %s", error)
        except Exception:  # never into the controller
            log.exception("asking the store for its depth failed")
