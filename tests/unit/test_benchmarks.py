"""Every benchmark runs and prints what it promises. No figure is judged here: machines differ."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.environment import drawing
from benchmarks.fidelity import difference

ROOT = Path(__file__).parents[2]
FAST = ["--model", "realesr-animevideov3"]


def printed(name: str, *options: str) -> dict[str, object]:
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=240)
    return json.loads(done.stdout)


def test_engine():
    floor = printed("engine", *FAST, "--side", "32", "--rounds", "1", "--peers", "none")["floor"]
    assert floor["seconds"] > 0
    assert 0 < floor["share_of_best_convolution"]["max"] < math.inf


def test_fidelity():
    result = printed("fidelity", *FAST, "--side", "160", "--peers", "none")
    tiles = next(value for key, value in result.items() if "tiles" in key)
    assert tiles["psnr_db"] == math.inf  # this network's halo is exact
    assert tiles["max"] == 0


def test_fairness():
    result = printed("fairness", *FAST, "--big", "400", "--small", "32")
    assert 0 < result["small_alone_s"] <= result["small_limit_s"]
    assert result["big_alone_s"] > 0


def test_memory():
    result = printed("memory", "--side", "32", "--jobs", "10")
    assert len(result) == 5
    assert all(value > 10 for value in result.values())


def test_decoder():
    result = printed("decoder", "--looks", "4", "--rounds", "1", "--at-once", "2")
    assert len(result) == 2
    assert all(row["cpu_ratio"] > 0 and row["p50_ms"] > 0 for row in result.values())


def test_encode(tmp_path):
    from PIL import Image

    path = tmp_path / "in.png"
    Image.fromarray(drawing(64, 64)).save(path)
    result = printed("encode", "--picture", str(path), "--rounds", "1")
    assert result["png"]["rate_to_ours"] == 1
    assert all(row["bytes"] > 100 for row in result.values())


@pytest.mark.parametrize("model", ["rrdbnet-6", "srvgg-16"])
def test_gpu_runs_on_a_processor_too(model):
    options = ["--device", "cpu", "--sides", "16", "--model", model, "--rounds", "1", "--no-compile"]
    row = printed("gpu", *options)["16×16"]
    assert row["tiles"] == 1
    assert all(seconds > 0 for seconds in row["seconds"].values())


def test_difference_is_that_of_the_textbook():
    a = drawing(8, 8) // 2
    assert difference(a, a) == {"psnr_db": math.inf, "within_2": 1.0, "max": 0}
    assert difference(a, a + 4) == {"psnr_db": 36.09, "within_2": 0.0, "max": 4}
