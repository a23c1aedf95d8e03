"""The real edge and the real application, with the shipped limits, behind a proxy with the shipped files."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from deployments.edge.edge import Edge
from deployments.ingress.api import create_app
from deployments.settings import Settings
from deployments.storage.storage import open_storage
from tests.deploy.proxy import proxying
from tests.unit.deployments.conftest import backend, clock, decoder, store  # noqa: F401  (fixtures)
from tests.unit.deployments.edge.clients import PATIENCE_S, RawClient, StoreOfTheEdge, serving


@pytest.fixture
def storage(tmp_path):
    return open_storage(str(tmp_path / "storage"))


@pytest.fixture
async def service_port(backend, store, storage):  # noqa: F811
    settings = replace(Settings(access={"hosts": ["upscaler.example"]}).of_the_edge(), storage_url=str(storage.root))
    async with serving(Edge(create_app(backend), StoreOfTheEdge(store, settings))) as port:
        yield port


@pytest.fixture
def proxy_port(service_port, tmp_path):
    with proxying(tmp_path / "nginx", service_port) as port:
        yield port


@pytest.fixture
async def client(proxy_port):
    """Asks nginx for the service by its name."""
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{proxy_port}", headers={"Host": "upscaler.example"}, timeout=PATIENCE_S
    ) as client:
        yield client


@pytest.fixture
def raw(proxy_port):
    raw = RawClient(proxy_port)
    yield raw
    raw.close()
