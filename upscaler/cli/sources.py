"""Sources: the files that the command line names, and those in its folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from upscaler.cli.arguments import ENDINGS, is_folder


@dataclass(frozen=True, slots=True)
class Source:
    """An input. `place` is where its result belongs in the folder of results; `error` is set where the path is a
    folder that gives no inputs."""

    path: Path
    place: Path = Path()
    error: OSError | None = None


def find_sources(inputs: Iterable[Path], results: Path | None) -> Iterator[Source]:
    """All of them, folders with what is below them in the order of names. A folder `results` inside of another one
    is passed over: what the last run has made is not to be enlarged once more."""
    for path in inputs:
        if not is_folder(path):
            yield Source(path)
            continue
        found = False
        for source in _below(path, results):
            found = True
            yield source
        if not found:
            yield Source(path, error=FileNotFoundError("there is no PNG, JPEG or WEBP file in it"))


def _below(root: Path, results: Path | None) -> Iterator[Source]:
    """What is hidden is left out. Each folder is entered once, whatever links lead to it, and rather not by a link."""
    entered = {_identity(results)} if results and not _is_same(results, root) else set()
    folders, links = [root], list[Path]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        try:
            identity = _identity(folder)
            if identity in entered:
                continue
            entered.add(identity)
            files, inner, linked = _sorted_out(folder)
        except OSError as error:
            yield Source(folder, error=error)
            continue
        yield from (Source(file, file.parent.relative_to(root)) for file in files)
        folders += reversed(inner)
        links += linked


def _sorted_out(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Pictures by their ending, folders, and links to folders. Raises OSError when it cannot be read."""
    files, folders, links = list[Path](), list[Path](), list[Path]()
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = Path(entry.path)
            if entry.name.startswith("."):
                continue
            try:
                if entry.is_dir():
                    (links if entry.is_symlink() else folders).append(path)
                elif path.suffix.lower() in ENDINGS and entry.is_file():
                    files.append(path)
            except OSError:  # a link that leads to itself, or to where we may not look
                continue
    return files, folders, links


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _is_same(one: Path, other: Path) -> bool:
    return _identity(one) == _identity(other)
