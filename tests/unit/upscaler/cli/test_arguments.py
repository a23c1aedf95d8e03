"""Command lines that make no sense end with 2, and a sentence that says what would."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from tests.pictures import png
from upscaler.cli.arguments import parse_bytes, read_arguments
from upscaler.cli.main import main


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """Two pictures, one of them in a folder."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    for name in ("in.png", "folder/other.png"):
        Path(name).write_bytes(png(1))


def refused(capsys, *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    usage, sentence = shown.err.splitlines()
    assert usage.startswith("usage: upscale ")
    return sentence.removeprefix("upscale: error: ")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["in.png", "--scale", "5"],
        ["in.png", "--memory-budget", "0"],
        ["in.png", "--device", "abacus"],
        ["in.png", "--quality", "0"],
        ["in.png", "--quality", "high"],
        ["in.png", "--format", "gif"],
    ],
    ids=" ".join,
)
def test_wrong_arguments(capsys, words):
    assert refused(capsys, *words)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("in.png out.png", "there is no file out.png; to name the result so, write upscale in.png -o out.png"),
        ("folder", "the results of a folder need a place: -o DIR"),
        ("in.png folder", "the results of a folder need a place: -o DIR"),
        ("in.png in.png -o out.png", "out.png is the name of one file; more than one result needs a folder: -o DIR"),
        ("folder -o out.png", "out.png is the name of one file; more than one result needs a folder: -o DIR"),
        ("in.png -o out.gif", "out.gif does not end in .png, .jpg, .jpeg or .webp"),
        ("in.png -o out.png --format jpeg", "--format jpeg contradicts the ending of out.png"),
        ("in.png -o nowhere/out.png", "there is no folder nowhere"),
        ("in.png -o in.png/results", "in.png/results: Not a directory"),
    ],
)
def test_a_destination_that_makes_no_sense(capsys, words, sentence):
    assert refused(capsys, *words.split()) == sentence
    assert {path.name for path in Path().iterdir()} == {"in.png", "folder"}


def test_no_name_of_a_file_moves_the_cursor(capsys):
    assert "out?[2J?.png" in refused(capsys, "in.png", "out\x1b[2J\n.png")
    assert "--?[2J" in refused(capsys, "in.png", "--\x1b[2J")


def test_an_ending_that_agrees_with_the_format_is_fine():
    arguments = read_arguments(["in.png", "-o", "out.jpeg", "--format", "jpeg"])
    assert (arguments.folder, arguments.name, arguments.format) == (None, Path("out.jpeg"), "jpeg")


def test_a_folder_may_be_called_like_a_file(tmp_path):
    Path("folder.png").mkdir()
    arguments = read_arguments(["in.png", "in.png", "-o", "folder.png"])
    assert (arguments.folder, arguments.name) == (Path("folder.png"), None)


def test_the_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, version("upscaler") + "\n")


@pytest.mark.parametrize(
    ("text", "size"), [("1GiB", 1 << 30), ("500MB", 500_000_000), ("1.5kib", 1536), ("1048576", 1 << 20)]
)
def test_sizes_are_read(text, size):
    assert parse_bytes(text) == size
