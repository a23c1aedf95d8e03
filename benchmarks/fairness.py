"""Does a small picture wait for a huge one, and what do many small ones cost?

    python -m benchmarks.fairness [--model realesrgan-x4plus] [--big 1024] [--small 128]

Prints JSON: a small picture's seconds alone and beside a big one; what the big one lost to it, beyond the small
one's own work, as a share of its time alone; and the rate of sixteen mixed small ones at once in units of the
big one's.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from benchmarks.environment import Pixels, drawing
from benchmarks.ours import loaded, running, timed
from upscaler.engine import Engine, Pass
from upscaler.model import Model

SIDES = (96, 112, 128, 160)
"""Of the mixed small ones; four of each."""

BEGUN = 0.02
POLL_S = 0.01


def wait_until_begun(work: Pass) -> None:
    while work.progress < BEGUN:
        time.sleep(POLL_S)


def beside_each_other(engine: Engine, model: Model, big: Pixels, small: Pixels) -> tuple[float, float]:
    """Seconds of the big one, and of a small one that comes when it has begun."""
    started_at = time.perf_counter()
    work = engine.submit(model, big)
    wait_until_begun(work)
    small_s, _ = timed(engine, model, small)
    work.result.result()
    return time.perf_counter() - started_at, small_s


def many_at_once(engine: Engine, model: Model) -> float:
    """Input pixels a second of sixteen small pictures submitted together."""
    pictures = [drawing(side, side) for side in SIDES for _ in range(4)]
    started_at = time.perf_counter()
    for work in [engine.submit(model, pixels) for pixels in pictures]:
        work.result.result()
    return sum(pixels.size / 3 for pixels in pictures) / (time.perf_counter() - started_at)


def measure(engine: Engine, model: Model, big_side: int, small_side: int) -> dict[str, Any]:
    big, small = drawing(big_side, big_side), drawing(small_side, small_side)
    timed(engine, model, small)
    small_alone_s, _ = min((timed(engine, model, small) for _ in range(3)), key=lambda measured: measured[0])
    rate_before = many_at_once(engine, model)
    big_alone_s, _ = timed(engine, model, big)
    rate_after = many_at_once(engine, model)
    big_s, small_s = beside_each_other(engine, model, big, small)
    return {
        "small_alone_s": round(small_alone_s, 3),
        "small_beside_s": round(small_s, 3),
        "small_limit_s": round(2 * small_alone_s + 0.5, 3),
        "big_alone_s": round(big_alone_s, 3),
        "big_beside_s": round(big_s, 3),
        "big_lost_beyond_the_small_ones_work": round((big_s - big_alone_s - small_alone_s) / big_alone_s, 4),
        "sixteen_small_to_big_rate": round(max(rate_before, rate_after) / (big_side**2 / big_alone_s), 3),
    }


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="realesrgan-x4plus")
    parser.add_argument("--big", type=int, default=1024)
    parser.add_argument("--small", type=int, default=128)
    options = parser.parse_args()
    model = loaded(options.model)
    with running(model.device) as engine:
        print(json.dumps(measure(engine, model, options.big, options.small), indent=2))


if __name__ == "__main__":
    main()
