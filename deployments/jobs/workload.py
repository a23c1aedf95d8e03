"""Workload: how much there is to do, read off the table's jobs, queue and holders. Changes nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping

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

    def __init__(self, jobs: Mapping[str, Job], queue: JobQueue, holders: Holders) -> None:
        self._jobs, self._queue, self._holders = jobs, queue, holders

    def depth(self) -> Depth:
        running = self._running()
        return Depth(len(self._queue), len(running), self._queue.seconds + sum(job.left_s for job in running))

    def outlook(self, job: Job, pace: Pace) -> Outlook | None:
        """When a job is likely to be done; None when it has ended."""
        if job.record.is_terminal:
            return None
        position, ahead_s = self._queue.place(job.record.job_id) or (None, 0.0)
        if position is not None:
            ahead_s += sum(job.left_s for job in self._running())
        return Outlook(position, pace.eta_s(job, ahead_s, len(self._holders)))

    def waiting_since(self) -> float | None:
        """When the job that is next came into the queue."""
        first = next(iter(self._queue.waiting()), None)
        return None if first is None else self._jobs[first].queued_at

    def next_end_s(self) -> int:
        """When the next running job is likely to end, and so to make room."""
        left_s = (job.left_s for job in self._running())
        return math.ceil(min(MOST_RETRY_S, max(1.0, min(left_s, default=MOST_RETRY_S))))

    def _running(self) -> list[Job]:
        return [job for job in self._jobs.values() if job.record.state is State.RUNNING]
