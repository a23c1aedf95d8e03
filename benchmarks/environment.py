"""The peers' virtual environment, and what can be had from it. Made when a benchmark first wants it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.reference import venv

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv-peers"
ORACLE = ROOT / ".venv-reference"
REQUIREMENTS = Path(__file__).parent / "peers" / "requirements.txt"
ASTRONAUT = PEERS / "astronaut.npy"

Pixels = NDArray[np.uint8]


def peers_python() -> Path:
    """The interpreter of the peers' environment, which is built unless it is as requirements.txt says."""
    python, stamp = PEERS / "bin" / "python", PEERS / "requirements.sha256"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != digest:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(PEERS)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--extra-index-url", venv.CPU_TORCH_INDEX, venv.pin("torch", REQUIREMENTS)], check=True)
        subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)
        stamp.write_text(digest)
    return python


def oracle_python() -> Path:
    """The interpreter of the environment in which RealESRGANer runs."""
    venv.create(ORACLE)
    return ORACLE / "bin" / "python"


def run_json(python: Path, script: Path, *arguments: str) -> dict[str, Any]:
    """Run a script that prints one line of JSON, with this repository on its path."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [str(python), str(script), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def photo(height: int, width: int) -> Pixels:
    """A photograph of that size: NASA's portrait of Eileen Collins, as scikit-image has it; public domain."""
    python = peers_python()
    if not ASTRONAUT.is_file():
        code = f"import numpy, skimage.data; numpy.save({str(ASTRONAUT)!r}, skimage.data.astronaut())"
        subprocess.run([str(python), "-c", code], check=True)
    whole = Image.fromarray(np.load(ASTRONAUT))
    return np.asarray(whole.resize((width, height), Image.Resampling.LANCZOS))


def drawing(height: int, width: int) -> Pixels:
    """A picture made here, for when only time or memory matters: gradients, edges, grain."""
    rows, columns = np.mgrid[0:height, 0:width]
    base = np.stack([rows * 255 // height, columns * 255 // width, (rows // 7 + columns // 5) % 2 * 200], -1)
    grain = np.random.default_rng(0).integers(-20, 20, base.shape)
    return np.clip(base + grain, 0, 255).astype(np.uint8)
