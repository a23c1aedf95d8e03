"""Who was welcome just now is not asked about again; who was not, always is."""

from __future__ import annotations

import pytest

from deployments.ingress.welcome import GOOD_FOR_S, Welcome
from deployments.jobs.messages import Client, Refusal

pytestmark = pytest.mark.anyio

ALICE, BOB = Client("alice"), Client("bob")


class Host:
    def __init__(self) -> None:
        self.asked, self.answer = [], None

    async def why_not(self, client: Client, key: str | None = None) -> Refusal | None:
        self.asked.append((client.name, key))
        return self.answer


@pytest.fixture
def host() -> Host:
    return Host()


async def test_the_store_is_asked_once_for_a_while(host):
    now = [100.0]
    welcome = Welcome(host, lambda: now[0])
    for _ in range(3):
        assert await welcome.why_not(ALICE) is None
    assert await welcome.why_not(BOB) is None
    assert host.asked == [("alice", None), ("bob", None)]
    now[0] += GOOD_FOR_S
    host.answer = Refusal("queue_full")
    assert await welcome.why_not(ALICE) == host.answer


async def test_a_refusal_is_not_remembered(host):
    welcome = Welcome(host)
    host.answer = Refusal("queue_full")
    assert await welcome.why_not(ALICE) == host.answer
    host.answer = None
    assert await welcome.why_not(ALICE) is None


async def test_that_a_key_is_welcome_says_nothing_of_its_client(host):
    welcome = Welcome(host)
    assert await welcome.why_not(ALICE, "key") is None
    assert await welcome.why_not(ALICE) is None
    assert host.asked == [("alice", "key"), ("alice", None)]
