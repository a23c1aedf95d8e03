"""The house rules that no linter checks."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_FILE_LINES, MAX_FUNCTION_LINES = 250, 60
NOWHERE_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}


def sources(*patterns: str) -> list[Path]:
    """The Python files of the repository, or others by their patterns: tracked, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *(patterns or ("*.py",))]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [ROOT / name for name in listed if (ROOT / name).exists()]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, node.name


@pytest.mark.parametrize("path", sources("*.js", "*.css", "*.html"), ids=lambda path: path.name)
def test_files_of_the_page_stay_small(path):
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES
    assert path.stem not in {"utils", "helpers", "common", "misc"}


def test_no_file_is_called_after_nothing():
    assert not [path for path in sources() if path.name in NOWHERE_NAMES]


def test_the_engine_package_imports_nothing():
    tree = ast.parse((ROOT / "upscaler" / "__init__.py").read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
