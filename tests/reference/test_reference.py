"""Our pixels against the original RealESRGANer's, on the same weights, in float32.

The oracle runs in a virtual environment of its own, with tile 0 and pre_pad 0. At the native scale
every pixel must agree within one grey level. At scales 2 and 3 the resize differs by design (it
uses OpenCV's Lanczos, which does not antialias; we use Pillow's, which does), so there the pixels
before the resize are compared, and that what follows is our resize of just those.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.pictures import picture
from upscaler.catalogue import load_catalogue
from upscaler.device import select_device
from upscaler.engine import Engine
from upscaler.model import Model, build_network, load_model
from upscaler.pictures.picture import Picture
from upscaler.weights import WeightsStore, load_tensors

pytestmark = [pytest.mark.reference, pytest.mark.timeout(1200)]

HERE = Path(__file__).parent
VENV = HERE.parents[1] / ".venv-reference"
MODELS = {
    "realesrgan-x4plus": ["--arch", "rrdb", "--num-block", "23"],
    "realesrgan-x4plus-anime": ["--arch", "rrdb", "--num-block", "6"],
    "realesr-animevideov3": ["--arch", "srvgg", "--num-conv", "16"],
}
SIZES = [(96, 80), (41, 57)]
TOLERANCE = 1


@pytest.fixture(scope="session")
def oracle_python() -> Path:
    """The interpreter of the oracle's virtual environment, built when it is missing or out of date."""
    subprocess.run([sys.executable, str(HERE / "venv.py"), str(VENV)], check=True)
    return VENV / "bin" / "python"


@pytest.fixture(scope="session")
def engine():
    engine = Engine(select_device("cpu", "float32"))
    engine.start()
    yield engine
    engine.close()


@pytest.fixture(scope="session", params=MODELS)
def model(request, engine) -> Model:
    spec = load_catalogue()[request.param]
    return load_model(spec, WeightsStore(Path("/nonexistent"), {}).require(spec), select_device("cpu", "float32"))


class Oracle:
    """RealESRGANer on one model's weights."""

    def __init__(self, python: Path, name: str, folder: Path) -> None:
        self._python, self._name, self._folder = python, name, folder
        self._weights = folder / "weights.pth"
        spec = load_catalogue()[name]
        weights = WeightsStore(Path("/nonexistent"), {}).require(spec)
        names = list(build_network(spec).state_dict())
        torch.save({"params": dict(load_tensors(weights, names))}, self._weights)

    def upscale(self, pixels: np.ndarray, *more: str) -> np.ndarray:
        given, got = self._folder / "in.npy", self._folder / "out.npy"
        np.save(given, pixels)
        files = ["--weights", str(self._weights), "--input", str(given), "--output", str(got)]
        command = [str(self._python), str(HERE / "oracle.py"), *MODELS[self._name], *files, *more]
        subprocess.run(command, check=True, capture_output=True)
        return np.load(got)


@pytest.fixture(scope="session")
def oracle(model, oracle_python, tmp_path_factory) -> Oracle:
    return Oracle(oracle_python, model.spec.name, tmp_path_factory.mktemp("oracle"))


def ours(engine: Engine, model: Model, pixels: np.ndarray) -> np.ndarray:
    return engine.submit(model, pixels).result.result(timeout=600)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_pixel_agrees_at_the_native_scale(engine, model, oracle, width, height, capsys):
    pixels = np.asarray(picture(5, width, height))
    difference = np.abs(ours(engine, model, pixels).astype(int) - oracle.upscale(pixels)).max()
    with capsys.disabled():
        print(f"\n{model.spec.name}, {width}×{height}: maximum difference {difference} of 255")
    assert difference <= TOLERANCE


@pytest.mark.parametrize("scale", [2, 3])
def test_other_scales_agree_before_the_resize(engine, model, oracle, scale):
    pixels = np.asarray(picture(6, 41, 37))
    native = ours(engine, model, pixels)
    assert np.abs(native.astype(int) - oracle.upscale(pixels)).max() <= TOLERANCE
    result = Picture(pixels, None, False, None, "png").enlarged(native, scale).pixels
    assert result.shape == oracle.upscale(pixels, "--outscale", str(scale)).shape
    size = (41 * scale, 37 * scale)
    assert np.array_equal(result, np.asarray(Image.fromarray(native).resize(size, Image.Resampling.LANCZOS)))
