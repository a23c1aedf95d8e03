"""The pictures of docs/models.md and of the README: the same piece of a photograph, before and after.

    python -m examples.gallery [--into docs/images/gallery]

The photographs come with scikit-image (the extra `docs`); all of them are in the public domain or CC0. Each piece
is cut out as it is, so that it goes in as a small picture would, and comes out of each model that has its weights in
the package.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from examples.what_is_kept import GAP, INK, LABEL, PAPER, Enlarge, enlarger, read
from upscaler.catalogue import load_catalogue
from upscaler.device import select_device
from upscaler.engine import Engine
from upscaler.model import load_model
from upscaler.weights import WeightsStore, default_cache_dir

SCALE = 4
BEFORE, BEST = "before", "realesrgan-x4plus"
MODELS = (BEST, "realesrgan-x4plus-anime", "realesr-animevideov3")
QUALITY = 88


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a photograph: its name in skimage.data, and left, top, right and bottom in pixels."""

    photograph: str
    box: tuple[int, int, int, int]

    def image(self) -> Image.Image:
        from skimage import data  # of the extra `docs`

        pixels = np.asarray(getattr(data, self.photograph)())
        drawn = pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels
        return Image.fromarray(drawn).convert("RGB").crop(self.box)


PIECES = (
    Piece("chelsea", (136, 70, 232, 166)),
    Piece("astronaut", (176, 64, 272, 160)),
    Piece("coffee", (160, 150, 256, 246)),
    Piece("rocket", (272, 150, 368, 246)),
    Piece("horse", (300, 4, 396, 100)),
)
FRONT = Piece("chelsea", (106, 60, 246, 165))


def variants(piece: Piece, enlarges: Mapping[str, Enlarge]) -> dict[str, Image.Image]:
    """The piece as a viewer would enlarge it, and what each model makes of it."""
    small = piece.image()
    size = (small.width * SCALE, small.height * SCALE)
    made = {name: Image.fromarray(enlarge(read(small), SCALE).pixels) for name, enlarge in enlarges.items()}
    return {BEFORE: small.resize(size, Image.Resampling.BICUBIC)} | made


def sheet(parts: Mapping[str, Image.Image], columns: int) -> Image.Image:
    """The parts in rows, each in its own pixels, with its name above."""
    width, height = next(iter(parts.values())).size
    rows = -(-len(parts) // columns)
    paper = Image.new("RGB", (columns * (width + GAP) + GAP, rows * (height + LABEL) + GAP), PAPER)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(15)
    for n, (name, part) in enumerate(parts.items()):
        left, top = GAP + n % columns * (width + GAP), n // columns * (height + LABEL)
        draw.text((left, top + 2), name, INK, font)
        paper.paste(part.convert("RGB"), (left, top + LABEL))
    return paper


def sheets(enlarges: Mapping[str, Enlarge]) -> dict[str, Image.Image]:
    """Every picture by the name of its file."""
    made = {piece.photograph: sheet(variants(piece, enlarges), 2) for piece in PIECES}
    before, after = variants(FRONT, {BEST: enlarges[BEST]}).values()
    return made | {"front": sheet({"before": before, "after": after}, 2)}


def main() -> None:
    """Read the command line, make, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=Path(__file__).parents[1] / "docs" / "images" / "gallery")
    into = parser.parse_args().into
    catalogue, device, weights = load_catalogue(), select_device("cpu"), WeightsStore(default_cache_dir(), {})
    models = {name: load_model(catalogue[name], weights.require(catalogue[name]), device) for name in MODELS}
    engine = Engine(device)
    engine.start()
    into.mkdir(parents=True, exist_ok=True)
    for name, image in sheets({name: enlarger(engine, model) for name, model in models.items()}).items():
        image.save(into / f"{name}.webp", quality=QUALITY, method=6)
    engine.close()


if __name__ == "__main__":
    main()
