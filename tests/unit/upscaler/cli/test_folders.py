"""Folders: what is found below them, and where it goes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.pictures import encoded, picture, png
from tests.unit.upscaler.cli.command import below
from upscaler.cli.sources import find_sources

NOBODY = 65_534


@pytest.fixture
def folder(tmp_path) -> Path:
    """Pictures of all endings, and what is none of them."""
    made = tmp_path / "in"
    for name in ("b.PNG", "a.jpg", "sub/c.Jpeg", "sub/deep/d.webp", ".e.png", ".hidden/f.png", "g.gif", "notes.txt"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(png(1, 8, 8))
    return made


def found(folder: Path, results: Path | None = None) -> list[str]:
    return [str(source.path.relative_to(folder)) for source in find_sources([folder], results)]


def test_pictures_are_found_by_their_ending_and_nothing_hidden(folder):
    assert found(folder) == ["a.jpg", "b.PNG", "sub/c.Jpeg", "sub/deep/d.webp"]


def test_each_folder_is_entered_once_and_not_by_a_link_where_there_is_another_way(folder, tmp_path):
    (folder / "a").symlink_to("sub")
    (folder / "sub" / "up").symlink_to("..")
    (folder / "self").symlink_to("self")
    (folder / "nowhere.png").symlink_to("nothing")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "h.png").touch()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    assert found(folder) == ["a.jpg", "b.PNG", "sub/c.Jpeg", "sub/deep/d.webp", "link/h.png"]


def test_what_the_last_run_has_made_is_passed_over(folder):
    assert found(folder, folder / "sub") == ["a.jpg", "b.PNG"]
    assert len(found(folder, folder)) == 4  # the folder itself may take the results


def test_a_file_that_is_named_is_taken_whatever_it_is_called(folder):
    (source,) = find_sources([folder / ".e.png"], None)
    assert (source.path, source.place, source.error) == (folder / ".e.png", Path(), None)


def test_a_folder_without_pictures_is_told(tmp_path):
    (source,) = find_sources([tmp_path], None)
    assert str(source.error) == "there is no PNG, JPEG or WEBP file in it"


@contextmanager
def as_nobody() -> Iterator[None]:
    """The superuser may read everything; whoever else runs the tests stays who he is."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_cannot_be_read_does_not_hold_up_the_others():
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders nobody else may enter
        root = Path(name)
        root.chmod(0o755)
        for inner in ("locked", "open"):
            (root / inner).mkdir()
            (root / inner / "x.png").touch()
        (root / "locked").chmod(0)
        with as_nobody():
            sources = {source.path.name: source.error for source in find_sources([root], None)}
        (root / "locked").chmod(0o700)
    assert isinstance(sources["locked"], PermissionError)
    assert sources["x.png"] is None


def test_a_folder_is_mirrored(upscale, folder, capsys):
    for path in ("a.jpg", "sub/c.Jpeg"):
        (folder / path).write_bytes(encoded(picture(1, 8, 8), "JPEG"))
    assert upscale(folder, "-o", "out") == 0
    assert below(Path("out")) == {"a_x4.jpg", "b_x4.png", "sub/c_x4.jpg", "sub/deep/d_x4.png"}
    assert below(folder) >= {"a.jpg", ".e.png"}
    assert upscale(folder, "-o", "out") == 1
    assert capsys.readouterr().err.count("is there already") == 4


def test_a_folder_with_nothing_in_it_is_a_failure_and_no_more(upscale, photo, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert upscale("empty", photo, "-o", "out") == 1
    assert below(Path("out")) == {"photo_x4.png"}
    assert "empty: there is no PNG, JPEG or WEBP file in it\n" in capsys.readouterr().err
