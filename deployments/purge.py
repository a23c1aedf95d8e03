"""`upscale purge [CONFIG]`: what a running service does by itself, where none runs.

A machine that is shut down keeps what was on it. This deletes results whose time is over and whatever
no record names, and with --all every picture and every record.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from deployments.errors import ConfigurationError, ServiceError
from deployments.jobs.store import JobStore
from deployments.run import read_settings
from deployments.settings import Settings
from deployments.storage.owner import ownership_of
from deployments.storage.storage import JobStorage, open_storage

NO_LOCK = (
    "an object store has no lock that would tell whether a service uses it, and one that does would be cut off; "
    "say --offline when none does"
)


def main(argv: Sequence[str]) -> int:
    """0 when done, 1 with one sentence on stderr when not."""
    options = _parser().parse_args(argv)
    try:
        print(asyncio.run(purge(read_settings(options.config), everything=options.all, offline=options.offline)))
    except ServiceError as error:
        print(f"upscale purge: {error}", file=sys.stderr)
        return 1
    return 0


async def purge(settings: Settings, *, everything: bool, offline: bool) -> str:
    """Delete, and say what was done. Raises StorageError when a service owns the storage."""
    storage = open_storage(settings.storage_url)
    if storage.root is None and not offline:
        raise ConfigurationError(NO_LOCK)
    return await (_delete_everything(storage) if everything else _delete_expired(storage, settings))


async def _delete_everything(storage: JobStorage) -> str:
    ownership = ownership_of(storage)
    await ownership.take()
    try:
        num_files = await storage.delete_everything()
    finally:
        ownership.release()
    return f"{num_files} files deleted; nothing is left"


async def _delete_expired(storage: JobStorage, settings: Settings) -> str:
    num_before = len([job_id async for job_id, _ in storage.records()])
    store = JobStore(storage, settings.policy())
    try:
        await store.start()  # which deletes what is over
        await store.tidy()
        num_left, num_with_bytes = len(store.table), len(await storage.folders())
        return f"{num_before} records found, {num_left} left, {num_with_bytes} of them with a picture"
    finally:
        await store.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="upscale purge", description="Delete expired results of a service that does not run."
    )
    parser.add_argument("config", type=Path, nargs="?", default=Path("serve_config.yaml"), metavar="CONFIG")
    parser.add_argument("--all", action="store_true", help="delete every picture and every record, expired or not")
    parser.add_argument("--offline", action="store_true", help="no service uses this object store")
    return parser
