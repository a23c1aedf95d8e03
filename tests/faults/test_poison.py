"""Images that end or hang whoever works on them: each fails alone."""

from __future__ import annotations

import pytest

from tests.faults.checks import all_ended_well, many, nothing_is_left
from tests.faults.clients import all_at_once
from tests.pictures import png
from tests.system import FAST

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
OPTIONS = {"lease_s": 8}


def test_three_poisonous_images_among_thirty(client, solo, system):
    good = many(client, solo)
    bad = [client.submit(png(1, 64, 64), FAST, name=name) for name in ("segfault", "hang", "exit")]
    good += [client.submit(png(seed, 128, 128), FAST, solo[seed]) for seed in list(solo)[:11]]
    all_at_once(client, bad + good)
    for history in bad:
        assert history.ended
        assert (history.ended["status"], history.ended["error_code"]) == ("failed", "worker_crashed")
    all_ended_well(client, good)
    assert nothing_is_left(system, 30)
