"""One service for each module of experiments, of which every process can be found and killed."""

from __future__ import annotations

import os

from tests.ray_environment import EDGE_ONLY

os.environ.update(EDGE_ONLY)

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.checks import solo_results
from tests.faults.clients import Client
from tests.system import System

RESULT_TTL_S = 90.0
"""A submission that was cut off may be a job all the same, which nobody knows of and nobody fetches."""

signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that whoever ends the tests ends their services too


@pytest.fixture(scope="module")
def system(request, tmp_path_factory) -> Iterator[System]:
    options = {"result_ttl_s": RESULT_TTL_S} | getattr(request.module, "OPTIONS", {})
    system = System(Path(tmp_path_factory.mktemp("faults")), **options)
    try:
        system.start()
        yield system
    finally:
        system.kill_everything()


@pytest.fixture
def client(system) -> Client:
    return Client(system)


@pytest.fixture(scope="module")
def solo(system) -> dict[int, str]:
    return solo_results(system)
