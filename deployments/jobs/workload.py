"""Workload: how much there is to do, read off the table's jobs, queue and holders. Changes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from deployments.jobs.document import Outlook
from deployments.jobs.holders import Holders
from deployments.jobs.job import Job
from deployments.jobs.messages import Depth
from deployments.jobs.pace import Pace
from deployments.jobs.queue import JobQueue
from deployments.jobs.record import State

MOST_RETRY_S = 60.0


class Workload:
    """A view of what `JobTable` owns."""

    def __init__(self, jobs: Mapping[str, Job], running: Mapping[str, Job], queue: JobQueue, holders: Holders) -> None:
        self._jobs, self._running, self._queue, self._holders = jobs, running, queue, holders

    def depth(self) -> Depth:
        return Depth(len(self._queue), len(self._running), self._queue.seconds + self._running_s())

    def outlooks(self, jobs: Iterable[Job], pace: Pace) -> dict[str, Outlook]:
        """When jobs are likely to be done, by their ids; none for those that have ended."""
        live = [job for job in jobs if not job.record.is_terminal]
        waits = any(job.record.state is State.QUEUED for job in live)
        running_s = self._running_s() if waits else 0.0
        found = {}
        for job in live:
            position, ahead_s = self._queue.place(job.record.job_id) or (None, 0.0)
            ahead_s += running_s if position is not None else 0.0
            found[job.record.job_id] = Outlook(position, pace.eta_s(job, ahead_s, len(self._holders)))
        return found

    def waiting_since(self) -> float | None:
        """When the job that is next came into the queue."""
        first = next(iter(self._queue.waiting()), None)
        return None if first is None else self._jobs[first].queued_at

    def standing_still(self, now: float, stuck_after_s: float) -> set[str]:
        """Jobs whose holder is heard of and does not get on."""
        return {job_id for job_id, job in self._running.items() if job.stands_still(now, stuck_after_s)}

    def next_end_s(self) -> int:
        """When the next running job is likely to end, and so to make room."""
        left_s = (job.left_s for job in self._running.values())
        return math.ceil(min(MOST_RETRY_S, max(1.0, min(left_s, default=MOST_RETRY_S))))

    def _running_s(self) -> float:
        return sum(job.left_s for job in self._running.values())
