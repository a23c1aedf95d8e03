"""What Serve, Ray and the job store say of the Upscaler replicas."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import ray
from ray import serve
from ray.exceptions import RayActorError
from ray.util import list_named_actors

from deployments.jobs.messages import ACTOR_NAME
from deployments.jobs.remote import NAMESPACE
from tests.faults.checks import REPLICA

LOOK_S = 0.1


@dataclass(frozen=True)
class Pin:
    """Where a replica runs, and which GPUs its process may see there."""

    node: str
    visible_gpus: str


@dataclass(frozen=True)
class Sight:
    """What there was at one moment. `holders`: replicas that have jobs leased."""

    at: float
    starting: int
    running: int
    stopping: int
    holders: int

    @property
    def wanted(self) -> int:
        """Those that are there or are to come, and are not to go."""
        return self.starting + self.running

    @property
    def total(self) -> int:
        return self.wanted + self.stopping


def pins() -> list[Pin]:
    """Each replica's own word on where it is; of those that end meanwhile, none."""
    prefix = REPLICA.removeprefix("ray::ServeReplica:").replace(":", "#")
    found = []
    for actor in list_named_actors(all_namespaces=True):
        if f"::{prefix}#" in actor["name"]:
            try:
                replica = ray.get_actor(actor["name"], namespace=actor["namespace"])
                found.append(ray.get(replica.__ray_call__.remote(_pin), timeout=60))
            except (ValueError, RayActorError):
                continue
    return found


def _pin(_replica: Any) -> Pin:
    return Pin(ray.get_runtime_context().get_node_id(), os.environ.get("CUDA_VISIBLE_DEVICES", ""))


def sight() -> Sight:
    states = serve.status().applications["upscaler"].deployments["Upscaler"].replica_states
    store = ray.get_actor(ACTOR_NAME, namespace=NAMESPACE)
    holders = ray.get(store.__ray_call__.remote(lambda actor: len(actor._store.table._holders)), timeout=60)
    return Sight(
        time.monotonic(), *(states.get(state, 0) for state in ("STARTING", "RUNNING", "STOPPING")), holders=holders
    )


class Watch:
    """Looks several times a second, until the block ends; remembers everything."""

    def __init__(self) -> None:
        self.seen: list[Sight] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def until(self, is_so: Callable[[Sight], bool], within_s: float) -> float:
        """Seconds until it was so for the first time from now on. Fails when that takes too long."""
        began_at = time.monotonic()
        while not (self.seen and self.seen[-1].at >= began_at and is_so(self.seen[-1])):
            assert self._thread.is_alive(), "nobody looks any more"
            assert time.monotonic() < began_at + within_s, f"it has come to no more than {self.seen[-1:]}"
            time.sleep(LOOK_S / 2)
        return self.seen[-1].at - began_at

    def _look(self) -> None:
        while not self._over.wait(LOOK_S):
            self.seen.append(sight())
