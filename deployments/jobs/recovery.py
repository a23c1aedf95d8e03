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
        except ValueError:
            log.exception("job %s: its record cannot be read and is left alone", job_id)
            num_unreadable += 1
    for record in sorted(records.values(), key=lambda record: record.created_at):
        table.load(record)
    for job_id in await storage.folders():
        if job_id in records and not records[job_id].has_bytes:
            await storage.delete_folder(job_id)
    return num_unreadable
