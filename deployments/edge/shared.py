"""What all requests that pass an edge have in common."""

from __future__ import annotations

from typing import Protocol

from starlette.types import ASGIApp

from deployments.batching import Batched
from deployments.edge.bodies import BodyBudget, Replays
from deployments.edge.lease import LeaseStore
from deployments.errands import Errands
from deployments.ingress.idempotency import UploadStore
from deployments.jobs.messages import Asked, Document, EdgeSettings, Offer, Refusal
from deployments.metrics.meter import Meter
from deployments.storage.storage import JobStorage


class EdgeStore(LeaseStore, UploadStore, Protocol):
    """What the edge needs of the job store."""

    async def edge_settings(self) -> EdgeSettings: ...

    async def proof(self) -> bytes: ...

    async def statuses(self, asked: list[Asked]) -> list[Document | None]: ...

    async def offer(self, job_id: str) -> Offer | Refusal: ...


class Shared(Protocol):
    """What a request needs of its edge."""

    app: ASGIApp
    store: EdgeStore
    meter: Meter
    errands: Errands
    statuses: Batched[Asked, Document | None]
    budget: BodyBudget
    replays: Replays
    num_downloads: int

    async def settings(self) -> EdgeSettings: ...

    async def storage(self) -> JobStorage: ...

    def forget(self) -> None: ...
