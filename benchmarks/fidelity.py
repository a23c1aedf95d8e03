"""How far are the pixels from the float32 result of the whole picture?

    python -m benchmarks.fidelity [--model realesrgan-x4plus] [--side 256] [--peers all|none]

Prints JSON, for the numeric format that the engine chooses here, for tiles as a quarter of the memory would make
them, and for RealESRGANer's tiles of 128: PSNR in dB, the share of values within 2 grey levels, the largest
difference.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.engine import ARCHITECTURES, ORACLE
from benchmarks.environment import Pixels, drawing, oracle_python, photo, run_json
from benchmarks.ours import loaded, official_weights, running, timed
from upscaler.model import Model

TILES_SHARE = 4


def difference(a: Pixels, b: Pixels) -> dict[str, float]:
    """PSNR in dB, share of values within 2 levels, largest difference."""
    levels = np.abs(a.astype(np.int16) - b)
    mean_square = float(np.square(levels.astype(np.float64)).mean())
    psnr_db = 10 * np.log10(255**2 / mean_square) if mean_square else float("inf")
    within = float((levels <= 2).mean())
    return {"psnr_db": round(float(psnr_db), 2), "within_2": round(within, 6), "max": int(levels.max())}


def upscaled(model: Model, pixels: Pixels) -> Pixels:
    with running(model.device) as engine:
        return timed(engine, model, pixels)[1]


def in_tiles(name: str, pixels: Pixels, exact: Model) -> tuple[int, Pixels]:
    """The float32 result within a quarter of the memory that the whole picture needs, and how many tiles it took."""
    height, width, _ = pixels.shape
    budget = exact.bytes_needed(height, width) // TILES_SHARE
    model = loaded(name, replace(exact.device, memory_budget_bytes=budget))
    return len(model.plan(height, width)), upscaled(model, pixels)


def their_tiles(name: str, pixels: Pixels) -> Pixels:
    """RealESRGANer's result in tiles of 128 with its own padding of 10."""
    with tempfile.TemporaryDirectory() as folder:
        given, got = Path(folder) / "in.npy", Path(folder) / "out.npy"
        np.save(given, pixels)
        files = ["--weights", str(official_weights(name, Path(folder))), "--input", str(given), "--output", str(got)]
        run_json(oracle_python(), ORACLE, *ARCHITECTURES[name], *files, "--tile", "128")
        result: Pixels = np.load(got)
        return result


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="realesrgan-x4plus")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--peers", choices=("all", "none"), default="all")
    options = parser.parse_args()
    pixels = (drawing if options.peers == "none" else photo)(options.side, options.side)
    chosen, exact = loaded(options.model), loaded(options.model, dtype="float32")
    whole = upscaled(exact, pixels)
    result = {chosen.device.dtype_name: difference(upscaled(chosen, pixels), whole)}
    number, tiled = in_tiles(options.model, pixels, exact)
    result[f"float32 in {number} tiles"] = difference(tiled, whole)
    if options.peers == "all":
        result["RealESRGANer in tiles of 128"] = difference(their_tiles(options.model, pixels), whole)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
