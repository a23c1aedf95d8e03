"""The blocks of code in the documentation, with the mark that stands in a comment before each.

<!-- runnable -->               a test runs it, in the order of the page, against a real service
<!-- output -->                 what the block before it prints
<!-- output of … -->            what something else prints
<!-- not run: the reason -->
<!-- settings -->               YAML, checked as settings of the application
<!-- configuration -->          YAML, checked as a whole configuration
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "client" / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCED = re.compile(
    r"(?:^<!-- (?P<mark>(?:(?!-->).)*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
EXAMPLE_ID = "1769781953720134401"


@dataclass(frozen=True, slots=True)
class Block:
    """`line` is where its text begins."""

    page: Path
    line: int
    language: str
    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_runnable(self) -> bool:
        return self.mark == "runnable"


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in FENCED.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        yield Block(page, line, found["language"], found["mark"] or "", found["text"])


def all_blocks() -> list[Block]:
    return [block for page in PAGES for block in blocks_of(page)]
