"""`python -m benchmarks.service {front,store,soak}`: prints JSON. Starts a Ray of its own and ends it.

front   uploads, statuses and downloads beside a plain FastAPI application on the same Serve
store   jobs a second that the job store takes, and how soon it answers with many live ones
soak    memory, descriptors and files of every process while the whole way is walked at 70 % of what is possible
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from typing import Any

from benchmarks.service.running import prepare, ray_in, serving


def front(options: argparse.Namespace) -> dict[str, Any]:
    scratch = prepare(options.proxy, has_peer=True)
    from benchmarks.service import front, peer

    wanted = front.Options(options.connections, options.seconds, options.rounds, options.side, options.downloads)
    planted = front.plant_both(scratch, wanted)
    settings = front.settings(scratch / "storage")
    with serving(scratch, options.port, settings):
        peer.deploy(scratch / "peer", settings.ingress.num_replicas, settings.ingress.max_ongoing_requests)
        return {"proxy": options.proxy, **front.measure(options.port, wanted, planted)}


def store(options: argparse.Namespace) -> dict[str, Any]:
    scratch = prepare()
    import ray

    from benchmarks.service import store
    from deployments.jobs.actor import ensure_store
    from deployments.jobs.remote import RemoteStore
    from deployments.settings import LimitSettings, Settings

    wanted = store.Options(options.seconds, options.callers, options.live, options.live_seconds)
    settings = Settings(storage_url=str(scratch / "storage"), limits=LimitSettings(max_queued=1_000_000))
    with ray_in(scratch):
        ensure_store(settings)
        idle = ray.remote(num_cpus=0)(store.Idle).remote()
        return asyncio.run(store.measure(RemoteStore(), idle.nothing.remote, wanted))


def soak(options: argparse.Namespace) -> dict[str, Any]:
    scratch = prepare(options.proxy)
    from benchmarks.service import soak

    wanted = soak.Options(options.seconds, options.share, options.warm_up_seconds, options.connections, options.side)
    with serving(scratch, options.port, soak.settings(scratch / "storage")):
        return asyncio.run(soak.measure(options.port, scratch / "storage", wanted))


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    of_front = commands.add_parser("front")
    of_front.add_argument("--proxy", choices=["python", "haproxy"], default="python")
    of_front.add_argument("--connections", type=int, default=8)
    of_front.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    of_front.add_argument("--rounds", type=int, default=5)
    of_front.add_argument("--side", type=int, default=256, help="of the picture that is uploaded")
    of_front.add_argument("--downloads", type=int, default=100, help="in each round")
    of_front.add_argument("--port", type=int, default=8093)
    of_front.set_defaults(run=front)
    of_store = commands.add_parser("store")
    of_store.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    of_store.add_argument("--callers", type=int, default=32)
    of_store.add_argument("--live", type=int, default=10_000, help="jobs")
    of_store.add_argument("--live-seconds", type=float, default=75.0, help="how long it is asked with so many")
    of_store.set_defaults(run=store)
    of_soak = commands.add_parser("soak")
    of_soak.add_argument("--proxy", choices=["python", "haproxy"], default="python")
    of_soak.add_argument("--seconds", type=float, default=120.0)
    of_soak.add_argument("--share", type=float, default=0.7, help="of what is possible")
    of_soak.add_argument(
        "--warm-up-seconds", type=float, default=30.0, help="in which it is found out what is possible"
    )
    of_soak.add_argument("--connections", type=int, default=4, help="of the warm-up")
    of_soak.add_argument("--side", type=int, default=64, help="of the picture")
    of_soak.add_argument("--port", type=int, default=8093)
    of_soak.set_defaults(run=soak)
    options = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):  # what Ray says on its way out
        figures = options.run(options)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
