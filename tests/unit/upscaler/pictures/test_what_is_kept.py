"""The pictures of the documentation can be drawn anew, and show what its text says."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unit.upscaler.doubles import enlarged

ROOT = Path(__file__).parents[4]
PAGES = runpy.run_path(str(ROOT / "examples" / "what_is_kept.py"))["PAGES"]


@pytest.fixture
def enlarge(animevideo):
    return lambda picture, scale=4: picture.enlarged(
        [enlarged(animevideo.upscale(layer)) for layer in picture.layers()], scale
    )


@pytest.mark.parametrize("name", PAGES)
def test_a_picture_drawn_anew_is_the_one_of_the_page(name, enlarge):
    """To a few levels: the committed one was computed in whatever format its machine has."""
    drawn = np.asarray(PAGES[name](enlarge).convert("RGB"))
    committed = np.asarray(Image.open(ROOT / "docs" / "images" / f"{name}.png").convert("RGB"))
    assert drawn.shape == committed.shape
    assert np.abs(drawn.astype(int) - committed).mean() < 3
    assert f"images/{name}.png" in (ROOT / "docs" / "fidelity.md").read_text()
