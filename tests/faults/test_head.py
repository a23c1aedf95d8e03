"""The head of a cluster is lost, and another takes its place: deploy/kuberay says that nobody loses a job by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.checks import REPLICA, a_long_one, all_end_well, nothing_is_left, reached
from tests.faults.clients import Client
from tests.faults.two_nodes import TwoNodes, what_is_missing
from tests.pictures import png
from tests.system import FAST

MISSING = what_is_missing()
pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
]
UPSCALER = {"device": "cpu", "num_cpus": 1, "min_replicas": 1, "max_replicas": 1}


@pytest.fixture
def two_nodes(tmp_path) -> Iterator[TwoNodes]:
    system = TwoNodes(tmp_path, upscaler=UPSCALER, ingress={"num_replicas": 2})
    try:
        system.start()
        yield system
    finally:
        system.kill_everything()


def test_another_head_takes_its_place(two_nodes):
    client = Client(two_nodes)
    histories = [a_long_one(client, 120), *(client.submit(png(seed, 128, 128), FAST) for seed in range(5))]
    reached(client, histories[0], 10)
    two_nodes.kill_head()
    two_nodes.start_head()
    all_end_well(client, histories)
    assert histories[0].ended
    assert histories[0].ended["attempt"] == 1  # the replica has not noticed
    two_nodes.kill(REPLICA)
    all_end_well(client, [client.submit(png(6, 128, 128), FAST)])  # whoever watches over replicas is back, too
    assert nothing_is_left(two_nodes, 30)
