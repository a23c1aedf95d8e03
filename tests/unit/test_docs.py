"""What the documentation says, held against the code. Fast: neither Ray nor torch is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from deployments.ingress.problems import PROBLEMS, RETRY_AFTER_S
from deployments.settings import Settings
from upscaler.catalogue import load_catalogue

ROOT = Path(__file__).parents[2]
FRONT = ROOT / "README.md"
TOP = [FRONT, ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", ROOT / "client" / "README.md"]
PAGES = sorted([*TOP, *(ROOT / "docs").rglob("*.md")])


def page(name: str) -> str:
    return (ROOT / name).read_text()


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every table row."""
    for line in text.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_the_api_page_has_every_error_code_with_its_status():
    section = page("docs/http-api.md").split("\n## Errors\n")[1].split("\n## ")[0]
    documented = {cells[1].strip("`"): cells for cells in rows(section) if cells[0].isdecimal()}
    assert {code: int(cells[0]) for code, cells in documented.items()} == {
        code: status for code, (status, _) in PROBLEMS.items()
    }
    assert {code for code, cells in documented.items() if "(*retry*)" in cells[2]} == set(RETRY_AFTER_S)


def defaults(settings: BaseModel, prefix: str = "") -> dict[str, object]:
    """Every setting by its dotted name."""
    found: dict[str, object] = {}
    for name, value in settings:
        found |= (
            defaults(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else {f"{prefix}{name}": plain(value)}
        )
    return found


def plain(value: object) -> object:
    """As YAML has it."""
    return list(value) if isinstance(value, tuple) else value


def test_the_operations_page_has_every_setting_with_its_default():
    section = page("docs/operations.md").split("\n### Settings\n")[1].split("\n### ")[0]
    cells = [row for row in rows(section) if row[0].startswith("`")]
    assert {row[0].strip("`"): yaml.safe_load(row[1].strip("`")) for row in cells} == defaults(Settings())


@pytest.mark.parametrize("name", ["README.md", "docs/models.md"])
def test_the_tables_of_models_list_every_one_and_the_default(name):
    named = {row[0] for row in rows(page(name)) if row[0].startswith("`real")}
    default = Settings().models.default
    assert named == {f"`{name}`" + (" (default)" if name == default else "") for name in load_catalogue()}


def test_the_models_page_has_the_arithmetic_of_the_catalogue():
    catalogue = load_catalogue()
    best = catalogue[Settings().models.default].mflop_per_px
    table = [row for row in rows(page("docs/models.md")) if row[0].startswith("`real")]
    for name, arithmetic, speed, scale, *_ in table:
        spec = catalogue[name.split("`")[1]]
        assert (arithmetic, scale) == (f"{spec.mflop_per_px} MFLOP", str(spec.native_scale))
        assert float(speed) == pytest.approx(best / spec.mflop_per_px, rel=0.02)


def test_every_decision_is_in_the_list():
    pages = {path.name for path in (ROOT / "docs" / "decisions").glob("0*.md")}
    assert {row[1].rpartition("(")[2].rstrip(")") for row in rows(page("docs/decisions/README.md"))} >= pages


def test_the_readme_fits_two_screens_and_shows_before_and_after():
    text = page("README.md")
    assert len(text.splitlines()) <= 120
    assert "![" in text[: len(text) // 3]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_make_target_that_is_named_exists(path):
    targets = set(re.findall(r"^([a-z][a-z-]*):", page("Makefile"), re.MULTILINE))
    code = re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", path.read_text(), re.DOTALL)
    lines = [line for block, span in code for line in (block or span).splitlines()]
    words = [line.split("#")[0].split() for line in lines if re.match(r"([A-Z_]+=\S+ )?make\b", line)]
    named = {word for line in words for word in line if re.fullmatch(r"[a-z][a-z-]*", word)} - {"make"}
    assert named <= targets
    assert named or path != FRONT


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_tree_of_the_architecture_page_is_there():
    tree = page("docs/architecture.md").split("## Where things are\n\n```\n")[1].split("```")[0]
    parent = ROOT
    for line in tree.splitlines():
        name = line.split()[0]
        inside = line.startswith("  ")
        parent = parent if inside else ROOT / name
        assert ((parent if inside else ROOT) / name).exists(), name
