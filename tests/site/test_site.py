"""The built documentation, after `make docs` has built it: a browser that reads it asks nobody else for anything."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.blocks import ROOT

SITE = ROOT / "site"
HTML = sorted(SITE.rglob("*.html"))
LOADED = {("script", "src"), ("img", "src"), ("img", "srcset"), ("iframe", "src"), ("source", "src"), ("video", "src")}
RELATIONS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "manifest", "modulepreload"}
MAX_GALLERY_BYTES = 3_000_000


class Page(HTMLParser):
    """`loaded`: what a browser fetches by itself. `linked`: where a reader may go. `names`: anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.names: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        self.loaded += [have[name] for of, name in LOADED if of == tag and name in have]
        if tag == "link" and RELATIONS & set(have.get("rel", "").split()):
            self.loaded.append(have["href"])
        if tag == "a" and "href" in have:
            self.linked.append(have["href"])
        self.names |= {have[name] for name in ("id", "name") if name in have}


PAGES = {path: Page(path) for path in HTML}


def pages() -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(SITE))) for path in HTML]


def test_there_is_a_site():
    assert SITE / "index.html" in PAGES
    assert len(PAGES) > 25


@pytest.mark.parametrize("path", pages())
def test_a_page_loads_nothing_from_elsewhere(path):
    assert not [address for address in PAGES[path].loaded if urlsplit(address).netloc]


@pytest.mark.parametrize("path", sorted(SITE.rglob("*.css")), ids=lambda path: path.name)
def test_a_style_loads_nothing_from_elsewhere(path):
    text = path.read_text()
    assert "url(http" not in text
    assert "url(//" not in text
    assert "@import" not in text


@pytest.mark.parametrize("path", [param for param in pages() if param.id != "404.html"])
def test_what_a_page_loads_and_links_is_there(path):
    for address in PAGES[path].loaded + PAGES[path].linked:
        parts = urlsplit(address)
        if parts.scheme in {"", "file"}:
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), address
            if parts.fragment and target in PAGES:
                assert unquote(parts.fragment) in PAGES[target].names | {"__skip"}, address


def test_the_gallery_is_small():
    sizes = [path.stat().st_size for path in (ROOT / "docs" / "images").rglob("*.*")]
    assert sum(sizes) < MAX_GALLERY_BYTES
