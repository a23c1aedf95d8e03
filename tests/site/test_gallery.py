"""The gallery can be made anew from scikit-image's photographs, and is the one that is committed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from examples.gallery import BEFORE, MODELS, PIECES, SCALE, sheet, variants
from examples.what_is_kept import enlarger
from tests.blocks import ROOT
from upscaler.catalogue import load_catalogue
from upscaler.device import select_device
from upscaler.engine import Engine
from upscaler.model import load_model
from upscaler.weights import WeightsStore, default_cache_dir

GALLERY = ROOT / "docs" / "images" / "gallery"
FAST = MODELS[-1]


@pytest.fixture(scope="module")
def enlarge():
    spec = load_catalogue()[FAST]
    model = load_model(spec, WeightsStore(default_cache_dir(), {}).require(spec), select_device("cpu"))
    engine = Engine(model.device)
    engine.start()
    yield enlarger(engine, model)
    engine.close()


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.photograph)
def test_a_picture_made_anew_is_the_committed_one(piece, enlarge):
    """Before, and by the fast model. To a few levels: the file is lossy, and its machine had a format of its own."""
    made = variants(piece, {FAST: enlarge})
    assert made[BEFORE].size == tuple(side * SCALE for side in piece.image().size)
    drawn = np.asarray(sheet({BEFORE: made[BEFORE], **dict.fromkeys(MODELS, made[FAST])}, 2), int)
    committed = np.asarray(Image.open(GALLERY / f"{piece.photograph}.webp").convert("RGB"), int)
    assert drawn.shape == committed.shape
    far = np.abs(drawn - committed)
    half, middle = drawn.shape[0] // 2, drawn.shape[1] // 2
    assert far[:half, :middle].mean() < 4
    assert far[half:, middle:].mean() < 4


def test_every_picture_is_on_a_page_with_its_licence():
    page = (ROOT / "docs" / "models.md").read_text()
    for piece in PIECES:
        assert f"images/gallery/{piece.photograph}.webp" in page
        assert f"(`{piece.photograph}`)" in page
    assert {path.stem for path in GALLERY.iterdir()} == {piece.photograph for piece in PIECES} | {"front"}
