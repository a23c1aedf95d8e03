"""`upscale drain [CONFIG]`: before an upgrade, let a running service end what it has and take nothing more."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deployments.errors import ConfigurationError, ServiceError
from deployments.jobs.messages import Depth
from deployments.jobs.remote import RemoteStore
from deployments.run import read_settings

LOOK_S = 1.0


def main(argv: Sequence[str]) -> int:
    """0 when done, 1 with one sentence on stderr when not."""
    options = _parser().parse_args(argv)
    try:
        store = RemoteStore(read_settings(options.config).store_name)
        _join_cluster()
        depth = asyncio.run(drain(store, on=not options.resume, wait_s=options.wait))
    except ServiceError as error:
        print(f"upscale drain: {error}", file=sys.stderr)
        return 1
    doing = "takes jobs again" if options.resume else "takes no more jobs"
    print(f"the service {doing}; {depth.queued} wait and {depth.running} are computed")
    return 1 if options.wait and depth.queued + depth.running else 0


async def drain(store: RemoteStore, *, on: bool, wait_s: float) -> Depth:
    """Tell the job store, and wait until it has no work left, `wait_s` at most. Raises StoreUnavailableError."""
    depth = await store.drain(on=on)
    give_up_at = time.monotonic() + wait_s
    while depth.queued + depth.running and time.monotonic() < give_up_at:
        await asyncio.sleep(LOOK_S)
        depth = await store.drain(on=on)  # said again: a store that has begun anew has forgotten it
    return depth


def _join_cluster() -> None:
    import ray

    try:
        ray.init(address="auto", log_to_driver=False, logging_level=logging.CRITICAL)
    except ConnectionError as error:
        raise ConfigurationError("no Ray cluster runs here; see RAY_ADDRESS and RAY_AUTH_MODE") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="upscale drain", description="Let a running service take no more jobs, and end those that it has."
    )
    parser.add_argument("config", type=Path, nargs="?", default=Path("serve_config.yaml"), metavar="CONFIG")
    parser.add_argument("--resume", action="store_true", help="let it take jobs again")
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="until no job is left, at most so long"
    )
    return parser
