"""Gate: whether a client may have one more job. Reads what `JobTable` owns, and decides."""

from __future__ import annotations

from dataclasses import replace

from deployments.jobs.intake import Intake
from deployments.jobs.messages import Client, Refusal
from deployments.jobs.queue import JobQueue
from deployments.jobs.quotas import Quotas
from deployments.jobs.record import Order
from deployments.jobs.workload import Workload


class Gate:
    """What is promised to all together is looked at first, then what this client may have."""

    def __init__(self, intake: Intake, quotas: Quotas, queue: JobQueue, workload: Workload) -> None:
        self._intake, self._quotas, self._queue, self._workload = intake, quotas, queue, workload

    def why_not_any(self, client: Client) -> Refusal | None:
        """Why no job of this client would be taken now, whatever it is; changes nothing."""
        return self._when(self._not_now(client) or self._quotas.why_not_any(client))

    def why_not(self, client: Client, order: Order, free_bytes: int | None) -> Refusal | None:
        """Why this job is not taken; None when it is, and then it counts toward its client's rate."""
        refusal = (
            self._not_now(client)
            or self._intake.no_room(order, self._quotas.left_bytes(free_bytes))
            or self._quotas.why_not(client, order.most_result_bytes)
        )
        return self._when(refusal)

    def _not_now(self, client: Client) -> Refusal | None:
        return self._intake.not_now(
            len(self._queue), self._quotas.num_jobs(client.name), waiting_since=self._workload.waiting_since()
        )

    def _when(self, refusal: Refusal | None) -> Refusal | None:
        """With a time after which it may be otherwise."""
        if refusal is None or refusal.retry_after_s:
            return refusal
        return replace(refusal, retry_after_s=self._workload.next_end_s())
