"""Does memory follow the budget and not the picture, and does it stay where it was?

    python -m benchmarks.memory [--side 4000] [--jobs 1000]

Prints JSON: the peak of `upscale --memory-budget 1GiB` on a square picture with the fast model, whole process;
the peak with realesrgan-x4plus under two budgets; and the resident memory after a tenth of many small jobs and
after all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.environment import drawing
from benchmarks.ours import loaded, running, timed

LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A child's peak begins with that of the process it was forked from, so a small one has to do it."""

FAST, BEST = "realesr-animevideov3", "realesrgan-x4plus"


def peak_mb(arguments: list[str]) -> float:
    """Peak resident memory of the `upscale` command, in MB (10⁶ bytes)."""
    command = [str(Path(sys.executable).with_name("upscale")), *arguments, "--json"]
    done = subprocess.run([sys.executable, "-c", LAUNCHER, *command], check=True, capture_output=True, text=True)
    return int(done.stdout) * 1024 / 1e6


def of_the_command(side: int, model: str, budget: str, folder: Path) -> float:
    source, target = folder / "in.png", folder / "out.png"
    Image.fromarray(drawing(side, side)).save(source, compress_level=1)
    words = [str(source), "-o", str(target), "--overwrite", "--model", model, "--memory-budget", budget]
    return round(peak_mb(words), 1)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def of_many_jobs(jobs: int) -> dict[str, float]:
    """Resident memory after a tenth of `jobs` small pictures of many sizes, and after all of them."""
    model, seen = loaded(FAST), {}
    with running(model.device) as engine:
        for number in range(1, jobs + 1):
            timed(engine, model, drawing(16 + number % 48, 16 + number % 31))
            if number in (max(1, jobs // 10), jobs):
                seen[f"after_{number}_jobs_mb"] = round(resident_mb(), 1)
    return seen


def measure(side: int, jobs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {
            f"{FAST} {side}×{side} within 1GiB, peak_mb": of_the_command(side, FAST, "1GiB", folder),
            f"{BEST} {side // 8}×{side // 8} within 128MiB, peak_mb": of_the_command(side // 8, BEST, "128MiB", folder),
            f"{BEST} {side // 8}×{side // 8} within 512MiB, peak_mb": of_the_command(side // 8, BEST, "512MiB", folder),
            **of_many_jobs(jobs),
        }


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=4000)
    parser.add_argument("--jobs", type=int, default=1000)
    options = parser.parse_args()
    print(json.dumps(measure(options.side, options.jobs), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
