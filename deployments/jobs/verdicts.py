"""What becomes of a job that did not succeed: pure functions from a record to the next one."""

from __future__ import annotations

from deployments.jobs.policy import Policy
from deployments.jobs.record import JobRecord, State, evolve


def ended(record: JobRecord, wall: float, code: str, error: str, deaths: int | None = None) -> JobRecord:
    """Failed, for a reason that clients are told."""
    deaths = record.deaths if deaths is None else deaths
    return evolve(
        record,
        state=State.FAILED,
        finished_at=wall,
        gone_at=wall,
        error=f"upscale failed: {error}",
        error_code=code,
        deaths=deaths,
    )


def given_back(record: JobRecord, policy: Policy, wall: float) -> JobRecord:
    """Queued again by its holder's own word, which is no mark against the job."""
    if record.attempt >= policy.max_leases:
        return _too_often(record, wall)
    return evolve(record, state=State.QUEUED, queued_at=wall, releases=record.releases + 1)


def fallen_silent(record: JobRecord, policy: Policy, wall: float, *, acknowledged: bool, alone: bool) -> JobRecord:
    """Its holder has not been heard of in time: queued again, or failed if that is too often.

    A grant that nobody acknowledged went to a replica that was gone: no death of a holder. A death
    counts against a job only when its holder had nothing beside it.
    """
    deaths, releases = record.deaths + (acknowledged and alone), record.releases + (not acknowledged)
    if deaths >= policy.max_deaths or record.attempt - releases >= policy.max_attempts:
        return ended(record, wall, "worker_crashed", "the image ended its worker", deaths=deaths)
    if record.attempt >= policy.max_leases:
        return _too_often(record, wall)
    suspect = record.suspect or acknowledged
    return evolve(record, state=State.QUEUED, queued_at=wall, deaths=deaths, releases=releases, suspect=suspect)


def _too_often(record: JobRecord, wall: float) -> JobRecord:
    return ended(record, wall, "too_many_attempts", "it was tried too often")
