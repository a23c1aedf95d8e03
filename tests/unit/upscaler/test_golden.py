"""The default model on a small picture, against a result kept in the repository.

`tests/golden/x4plus.png` is this engine's float32 result, from weights on which `make test-reference`
found every pixel within one grey level of the original implementation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures import picture
from upscaler.catalogue import load_catalogue
from upscaler.device import select_device
from upscaler.model import load_model
from upscaler.weights import WeightsStore

GOLDEN = Path(__file__).parents[2] / "golden" / "x4plus.png"
NAME = "realesrgan-x4plus"


def upscaled(dtype: str) -> np.ndarray:
    spec = load_catalogue()[NAME]
    model = load_model(spec, WeightsStore(Path("/nonexistent"), {}).require(spec), select_device("cpu", dtype))
    pieces = model.upscale(np.asarray(picture(11, 40, 32)))
    while True:
        try:
            next(pieces)
        except StopIteration as finished:
            return finished.value


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, of values up to 255."""
    return float(10 * np.log10(255**2 / np.square(a.astype(float) - b).mean()))


def test_float32_gives_the_golden_pixels():
    difference = np.abs(upscaled("float32").astype(int) - np.asarray(Image.open(GOLDEN)))
    assert difference.max() <= 1


@pytest.mark.parametrize("dtype", ["auto", "bfloat16"])
def test_other_formats_stay_close_to_it(dtype):
    assert psnr(upscaled(dtype), np.asarray(Image.open(GOLDEN))) >= 45
