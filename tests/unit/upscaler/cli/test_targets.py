"""Results appear whole or not at all, and over nothing that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.upscaler.cli.command import below
from upscaler.cli.sources import Source
from upscaler.cli.targets import Targets
from upscaler.errors import CancelledError


def targets(folder: Path, *, overwrites: bool = False) -> Targets:
    return Targets(folder, None, 4, set(), overwrites=overwrites)


def go_on() -> None:
    """Nobody has interrupted."""


def published(mine: Targets, target: Path, data: bytes) -> Path:
    with mine.part(target, go_on) as part:
        part.write(data)
        return mine.publish(part, target)


def test_a_name_that_was_taken_meanwhile_is_left_to_who_took_it(tmp_path):
    mine = targets(tmp_path)
    first, second = (mine.claim(Source(Path("a.png")), "png") for _ in range(2))
    first.write_bytes(b"another program's")
    assert published(mine, first, b"one") == tmp_path / "a_x4-3.png"
    assert published(mine, second, b"two") == tmp_path / "a_x4-2.png"
    assert first.read_bytes() == b"another program's"
    assert below(tmp_path) == {"a_x4.png", "a_x4-2.png", "a_x4-3.png"}


def test_a_part_is_hidden_and_gone_when_it_fails(tmp_path):
    mine = targets(tmp_path / "new")
    target = mine.claim(Source(Path("a.png"), Path("sub")), "png")

    def fail() -> None:
        with mine.part(target, go_on) as part:
            part.write(b"half")
            assert all(Path(name).name.startswith(".") for name in below(tmp_path))
            raise OSError("as on a full disk")

    with pytest.raises(OSError, match="as on a full disk"):
        fail()
    assert below(tmp_path) == set()


def test_an_interrupted_part_does_not_grow(tmp_path):
    def check() -> None:
        if below(tmp_path):
            raise CancelledError("interrupted")

    mine = targets(tmp_path, overwrites=True)
    target = mine.claim(Source(Path("a.png")), "png")
    with pytest.raises(CancelledError), mine.part(target, check) as part:
        part.write(b"half")
    assert below(tmp_path) == set()


def test_a_part_that_was_dropped_cannot_be_published(tmp_path):
    mine = targets(tmp_path)

    def late() -> None:
        with mine.part(target, go_on) as part:
            mine.drop_parts()
            mine.publish(part, target)

    target = mine.claim(Source(Path("a.png")), "png")
    with pytest.raises(FileNotFoundError):
        late()
    assert below(tmp_path) == set()


def test_names_are_not_longer_than_a_file_system_allows(tmp_path):
    mine = targets(tmp_path)
    for _ in range(2):
        target = mine.claim(Source(Path("ä" * 125 + ".png")), "webp")
        assert published(mine, target, b"x") == target
    assert below(tmp_path) == {"ä" * 100 + "_x4.webp", "ä" * 100 + "_x4-2.webp"}
