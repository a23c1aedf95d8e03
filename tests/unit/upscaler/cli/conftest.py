"""The command in this process, with the fast model and an empty home."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.pictures import encoded, picture
from tests.unit.upscaler.cli.command import Command


@pytest.fixture(autouse=True)
def _home(tmp_path_factory, monkeypatch):
    """An empty home, so that no cache of the user's is read or written."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def upscale(animevideo, tmp_path, monkeypatch) -> Command:  # which skips where no package brings weights
    """The command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Command()


@pytest.fixture
def photo(upscale) -> Path:
    """A picture in the command's folder, under a relative name."""
    path = Path("photo.png")
    path.write_bytes(encoded(picture(1)))
    return path
