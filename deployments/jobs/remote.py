"""RemoteStore: the JobStore actor as a `messages.Store`, for whoever is in another process."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from deployments.batching import Batched
from deployments.errands import Errands
from deployments.errors import ServiceError, StoreGoneError, StoreUnavailableError
from deployments.jobs.messages import (
    ACTOR_NAME,
    ANYBODY,
    Acceptance,
    Client,
    Deletion,
    Depth,
    DownloadGrant,
    DownloadOutcome,
    EdgeSettings,
    Grant,
    Offer,
    Refusal,
    Report,
    Submission,
)
from deployments.jobs.record import Idempotency, Order, Result

CALL_TIMEOUT_S = 4.0
"""A client hears within five seconds that the store does not answer."""
NAMESPACE = "upscaler"


class RemoteStore:
    """Finds the actor by name, again whenever it has been replaced; every wait has an end."""

    def __init__(self, name: str = ACTOR_NAME, namespace: str = NAMESPACE) -> None:
        self._name, self._namespace = name, namespace
        self._actor: Any = None
        # Ray takes a call for a child of the request that makes it and cancels it when the client hangs
        # up, in the midst of telling us that a download was complete. Outside of the request it has none.
        self._outside = contextvars.Context()
        self._submissions = Batched(self._submit_all, Errands(), gather_s=0.0)  # a call takes long enough

    async def submit(
        self, job_id: str, order: Order, idempotency: Idempotency | None = None, client: Client = ANYBODY
    ) -> Acceptance | Refusal:
        answer = await self._submissions.get((job_id, order, idempotency, client))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _submit_all(self, submissions: list[Submission]) -> list[Acceptance | Refusal | Exception]:
        return await self._call("submit_all", submissions)  # type: ignore[no-any-return]

    async def why_not(self, client: Client, key: str | None = None) -> Refusal | None:
        return await self._call("why_not", client, key)  # type: ignore[no-any-return]

    async def begin_upload(self, key: str) -> bool:
        return await self._call("begin_upload", key)  # type: ignore[no-any-return]

    async def end_upload(self, key: str) -> None:
        await self._call("end_upload", key)

    async def status(self, job_id: str, wait_s: float = 0.0, owner: str | None = None) -> dict[str, Any] | None:
        return await self._call("status", job_id, wait_s, owner, timeout_s=wait_s + CALL_TIMEOUT_S)  # type: ignore[no-any-return]

    async def statuses(self, asked: list[tuple[str, str | None]]) -> list[dict[str, Any] | None]:
        return await self._call("statuses", asked)  # type: ignore[no-any-return]

    async def delete(self, job_id: str, owner: str | None = None) -> Deletion | None:
        return await self._call("delete", job_id, owner)  # type: ignore[no-any-return]

    async def offer(self, job_id: str, owner: str | None = None) -> Offer | Refusal:
        return await self._call("offer", job_id, owner)  # type: ignore[no-any-return]

    async def lease_download(self, job_id: str, owner: str | None = None) -> DownloadGrant | Refusal:
        return await self._call("lease_download", job_id, owner)  # type: ignore[no-any-return]

    async def extend_download(self, job_id: str, lease_id: int) -> bool:
        return await self._call("extend_download", job_id, lease_id)  # type: ignore[no-any-return]

    async def end_download(self, job_id: str, lease_id: int, outcome: DownloadOutcome) -> None:
        await self._call("end_download", job_id, lease_id, outcome)

    async def lease(self, holder: str, on_hand_s: float, wait_s: float) -> Grant | None:
        return await self._call("lease", holder, on_hand_s, wait_s, timeout_s=wait_s + CALL_TIMEOUT_S)  # type: ignore[no-any-return]

    async def leave(self, holder: str) -> None:
        await self._call("leave", holder)

    async def report(self, reports: dict[str, Report]) -> list[str]:
        return await self._call("report", reports)  # type: ignore[no-any-return]

    async def complete(self, job_id: str, fence: int, result: Result) -> bool:
        return await self._call("complete", job_id, fence, result)  # type: ignore[no-any-return]

    async def fail(self, job_id: str, fence: int, code: str, error: str) -> bool:
        return await self._call("fail", job_id, fence, code, error)  # type: ignore[no-any-return]

    async def release(self, job_id: str, fence: int) -> bool:
        return await self._call("release", job_id, fence)  # type: ignore[no-any-return]

    async def depth(self) -> Depth:
        return await self._call("depth")  # type: ignore[no-any-return]

    async def proof(self) -> bytes:
        return await self._call("proof")  # type: ignore[no-any-return]

    async def why_not_ready(self) -> str | None:
        return await self._call("why_not_ready")  # type: ignore[no-any-return]

    async def drain(self, *, on: bool) -> Depth:
        return await self._call("drain", on)  # type: ignore[no-any-return]

    async def check_health(self) -> None:
        await self._call("check_health")

    async def edge_settings(self) -> EdgeSettings:
        """Of the actor alone: the store itself has no settings of the service."""
        return await self._call("edge_settings")  # type: ignore[no-any-return]

    async def _call(self, method: str, *args: Any, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        try:
            if self._actor is None:
                self._actor = await asyncio.to_thread(ray.get_actor, self._name, self._namespace)
            answer = self._outside.run(getattr(self._actor, method).remote, *args)
            return await asyncio.wait_for(answer, timeout_s)
        except RayTaskError as error:
            if isinstance(error.cause, ServiceError):
                raise error.cause from None
            raise
        except ValueError as error:
            raise StoreGoneError("there is no job store") from error
        except RayActorError as error:
            self._actor = None  # dead or replaced: look its name up again
            raise StoreUnavailableError("the job store is not there") from error
        except (TimeoutError, RayError) as error:
            raise StoreUnavailableError("the job store does not answer") from error
