"""The web page in a real browser, over a real service.

Every page is watched: what it writes to its console as an error, and every request that leaves the service,
fails the test.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.system import FAST, System
from tests.web.ingress import KEY, Ingress
from tests.web.visitor import Visitor

CHROMIUM = os.environ.get("CHROMIUM", "chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which(CHROMIUM)
    if path is None:
        pytest.exit(f"There is no {CHROMIUM}: install it with `apt-get install chromium`, or name it in CHROMIUM.", 1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def system(tmp_path_factory) -> Iterator[System]:
    system = System(tmp_path_factory.mktemp("web"), models={"default": FAST})
    try:
        system.start()
        yield system
    finally:
        system.kill_everything()


@pytest.fixture
def visitor(browser, system) -> Iterator[Visitor]:
    """Somebody before the page, at a desk."""
    with Visitor(browser, system.url) as visitor:
        yield visitor


@pytest.fixture(scope="session")
def ingress() -> Iterator[Ingress]:
    """An ingress without replicas and without keys."""
    with Ingress() as ingress:
        yield ingress


@pytest.fixture(scope="session")
def ingress_with_keys() -> Iterator[Ingress]:
    """An ingress without replicas that serves only who has the key."""
    with Ingress(key=KEY) as ingress:
        yield ingress


@pytest.fixture
def stranger(browser, ingress) -> Iterator[Visitor]:
    """Somebody at an ingress without replicas."""
    with Visitor(browser, ingress.url) as visitor:
        yield visitor.meets_service()
