"""A new version is deployed under load: the job store is replaced too, and no job is lost."""

from __future__ import annotations

import threading

import pytest

from tests.faults.checks import a_long_one, all_end_well, nothing_is_left
from tests.faults.test_kills import under_load

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


def test_a_redeployment_under_load(system, client, solo):
    stores = system.pids("ray::JobStore")
    big = a_long_one(client, 103, 400)
    deploying = threading.Timer(3.0, system.redeploy, kwargs={"tombstone_ttl_s": 850, "lease_s": 14})
    deploying.start()
    histories = under_load(client, solo, rate=5, seconds=45)
    deploying.join()
    all_end_well(client, [big, *histories])
    assert set(client.statuses) <= {200, 202, 409, 503}
    assert set(system.pids("ray::JobStore")).isdisjoint(stores)
    assert nothing_is_left(system)
