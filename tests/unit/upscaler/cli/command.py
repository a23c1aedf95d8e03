"""How the tests call the command, and what they look at."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from upscaler.cli.main import main

MODEL = "realesr-animevideov3"
WIDTH, HEIGHT = 24, 20
"""Of `tests.pictures.picture`, unless it is told otherwise."""

FAST = ("--model", MODEL, "--device", "cpu", "--dtype", "float32")


class Command:
    """`upscale` with the fast model."""

    def __call__(self, *words: object) -> int:
        return main([*map(str, words), *FAST])


def in_a_process(*words: object) -> list[str]:
    """The words that start the same command as a process of its own."""
    program = Path(sys.executable).with_name("upscale")
    return [str(program), *map(str, words), *FAST]


def below(folder: Path) -> set[str]:
    """All files, hidden ones too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def kind_of(path: Path) -> tuple[str | None, tuple[int, int], str]:
    """Format, size and mode of a picture's file."""
    with Image.open(path) as image:
        image.load()
        return image.format, image.size, image.mode
