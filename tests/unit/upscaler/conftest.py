"""Real models on the processor in float32, where results can be compared bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from tests.unit.upscaler.doubles import cpu
from upscaler.catalogue import Catalogue, load_catalogue
from upscaler.engine import Engine
from upscaler.model import Model, load_model
from upscaler.weights import WeightsStore

settings.register_profile("steady", deadline=None, max_examples=60)  # a busy machine is not a bug
settings.load_profile("steady")
torch.set_num_threads(1)  # on pictures this small, threads mostly wait for each other


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="session")
def packaged(catalogue) -> Callable[[str], Model]:
    """Loads a model by name with the weights of the installed package."""
    store = WeightsStore(Path("no cache"), {})

    def load(name: str) -> Model:
        weights = store.find(catalogue[name])
        if weights is None:
            pytest.skip(f"no package with the weights of {name} on this platform")
        return load_model(catalogue[name], weights, cpu())

    return load


@pytest.fixture(scope="session")
def animevideo(packaged) -> Model:
    return packaged("realesr-animevideov3")


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine that plans with 100 bytes for a pass, and must end when it is closed."""
    engine = Engine(cpu(budget_bytes=100))
    engine.start()
    yield engine
    engine.close()
    assert not engine.alive
