"""The edge in front of the application, on a real port."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from deployments.edge.edge import Edge
from deployments.ingress.api import create_app
from deployments.storage.storage import open_storage
from tests.unit.deployments.edge.clients import PATIENCE_S, SETTINGS, RawClient, StoreOfTheEdge, serving


@pytest.fixture(params=["local"])
def storage(tmp_path):
    return open_storage(str(tmp_path / "storage"))


@pytest.fixture
def edge_store(store, storage):
    return StoreOfTheEdge(store, replace(SETTINGS, storage_url=str(storage.root)))


@pytest.fixture
async def port(backend, edge_store):
    async with serving(Edge(create_app(backend), edge_store)) as port:
        yield port


@pytest.fixture
async def client(port):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture
def connect(port):
    """A raw connection for each call; those a test leaves open are closed after it."""
    opened: list[RawClient] = []

    def connect() -> RawClient:
        opened.append(RawClient(port))
        return opened[-1]

    yield connect
    for raw in opened:
        raw.close()
