"""How many replicas there should be, and what is said while that is not known."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from deployments.errors import StoreUnavailableError
from deployments.jobs.messages import Depth
from deployments.upscaler.autoscaling import QueueDepthPolicy, wanted_replicas

pytestmark = pytest.mark.anyio

THREE_ARE_THERE = SimpleNamespace(target_num_replicas=3)


@pytest.mark.parametrize(
    ("depth", "replicas"),
    [
        (Depth(0, 0, 0.0), 0),
        (Depth(1, 0, 0.01), 1),
        (Depth(0, 1, 0.0), 1),
        (Depth(12, 0, 240.0), 12),
        (Depth(100, 4, 95.0), 10),
        (Depth(3, 0, 1000.0), 3),
    ],
)
def test_replicas_follow_the_work_but_not_beyond_the_jobs(depth, replicas):
    assert wanted_replicas(depth, 10.0) == replicas


@dataclass
class Answers:
    """A store that knows how much there is to do, or does not answer."""

    depth_now: Depth | None

    async def depth(self) -> Depth:
        if self.depth_now is None:
            raise StoreUnavailableError("the job store does not answer")
        return self.depth_now


def policy_that_asks(store: Answers) -> QueueDepthPolicy:
    policy = QueueDepthPolicy("JobStore", drain_s=10.0)
    policy._store = store
    return policy


async def heard(policy: QueueDepthPolicy) -> None:
    """The store has answered what the policy has asked last."""
    await asyncio.wait([policy._asking])


async def test_replicas_stay_until_the_store_has_answered():
    policy = policy_that_asks(Answers(Depth(0, 1, 8.0)))
    assert policy(THREE_ARE_THERE) == (3, {})
    await heard(policy)
    assert policy(THREE_ARE_THERE) == (1, {})


async def test_replicas_stay_while_the_store_does_not_answer():
    policy = policy_that_asks(Answers(None))
    assert policy(THREE_ARE_THERE) == (3, {})
    await heard(policy)
    assert policy(THREE_ARE_THERE) == (3, {})


async def test_the_last_answer_holds_until_there_is_another():
    store = Answers(Depth(5, 0, 50.0))
    policy = policy_that_asks(store)
    policy(THREE_ARE_THERE)
    await heard(policy)
    store.depth_now, policy._asked_at = None, 0.0
    assert policy(THREE_ARE_THERE) == (5, {})
    await heard(policy)
    assert policy(THREE_ARE_THERE) == (5, {})
