"""The web page as the ingress serves it. What it does in a browser is tried in tests/web."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest

from deployments.ingress.api import create_app
from deployments.ingress.keys import KeyRing
from deployments.ingress.page import MEDIA_TYPES, POLICY
from tests.unit.deployments.test_api_keys import key

pytestmark = pytest.mark.anyio
LINK = re.compile(rb'(?:href|src|from|url\()\s*=?\s*"(?:\./|web/)?([a-z0-9_-]+\.(?:css|js|svg))"')


@pytest.fixture
async def stranger(backend):
    """A browser without a key, at a service that has some."""
    app = create_app(replace(backend, keys=KeyRing([key("a-secret")])))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_the_page_and_all_that_it_is_made_of_need_no_key(stranger):
    seen, ahead = {}, ["/"]
    while ahead:
        path = ahead.pop()
        answer = seen[path] = await stranger.get(path)
        ahead += {f"/web/{name.decode()}" for name in LINK.findall(answer.content)} - seen.keys() - set(ahead)
    assert {path.rpartition(".")[2] for path in seen} == {"/", "css", "js", "svg"}
    assert "/web/sha256.js" in seen
    for path, answer in seen.items():
        assert answer.status_code == 200, path
        kind = "text/html" if path == "/" else MEDIA_TYPES[path.rpartition(".")[2]]
        assert answer.headers["content-type"].split(";")[0] == kind
        assert answer.headers["content-security-policy"] == POLICY
        assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert (await stranger.get("/api/v1/limits")).status_code == 401


async def test_nothing_in_the_page_is_from_elsewhere(stranger):
    """Links to read on are another thing: nobody is asked before they are followed."""
    page = (await stranger.get("/")).text
    loaded = re.findall(r'<(?:script|link|img)[^>]*?(?:src|href)="([^"]+)"', page)
    assert loaded
    assert all(address.startswith("web/") for address in loaded)
    assert not re.search(
        r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*src)", page
    )  # the policy forbids what stands inline


@pytest.mark.parametrize("name", ["index.html", "nothing.js", "page.py", "..%2fpage.py", "main.js/"])
async def test_other_names_are_not_found(stranger, name):
    assert (await stranger.get(f"/web/{name}")).status_code in {401, 404}


@pytest.mark.parametrize("path", ["/", "/web/main.js"])
async def test_a_part_can_be_looked_at_by_head(stranger, path):
    answer = await stranger.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 1000
