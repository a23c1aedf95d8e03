"""Take up what an earlier life of the store left in storage."""

from __future__ import annotations

import logging

from deployments.jobs.record import JobRecord
from deployments.jobs.table import JobTable
from deployments.storage.storage import JobStorage

log = logging.getLogger(__name__)


async def recover(storage: JobStorage, table: JobTable) -> int:
    """Load every record into the table; returns how many could not be read. A folder whose job has a tombstone was
    being removed: finish it."""
    records: dict[str, JobRecord] = {}
    num_unreadable = 0
    async for job_id, data in storage.records():
        try:
            records[job_id] = JobRecord.from_json(data)
        except (ValueError, RecursionError) as error:  # which may repeat what stands there, names of files too
            log.error("job %s: its record cannot be read and is left alone: %s", job_id, type(error).__name__)  # noqa: TRY400
            num_unreadable += 1
    for record in sorted(records.values(), key=_place):
        table.load(record)
    for job_id in await storage.folders():
        if job_id in records and not records[job_id].has_bytes:
            await storage.delete_folder(job_id)
    return num_unreadable


def _place(record: JobRecord) -> tuple[bool, float]:
    """What has been leased before comes in front of all others when it is loaded: so it comes last, the oldest at the
    end."""
    return (True, -record.created_at) if record.attempt else (False, record.created_at)
