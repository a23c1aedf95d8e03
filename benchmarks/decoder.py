"""What does it cost to have pictures decoded in children, beside decoding them in the own process?

    python -m benchmarks.decoder [--looks 100] [--rounds 5] [--at-once 1 8]

Prints processor time (of this process, the zygote, and the children) and seconds of a look, both in milliseconds, and
the ratio of all processor time to that of decoding here. In turn, since machines are noisy. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.environment import drawing
from benchmarks.overhead import as_png
from deployments.decoder.decoder import Decoder
from deployments.decoder.wire import Bounds
from upscaler.pictures.decoding import decode
from upscaler.pictures.picture import Limits

BOUNDS = Bounds(Limits(), 4)
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
MB = 1 << 20


def pictures() -> dict[str, bytes]:
    file = io.BytesIO()
    Image.fromarray(drawing(1200, 1700)).save(file, "jpeg", quality=85)
    return {"png 256 x 256": as_png(drawing(256, 256)), "jpeg 1700 x 1200": file.getvalue()}


def spent_ms(decoder: Decoder) -> dict[str, float]:
    """Processor time so far; that of children is known when they have ended."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    zygote = Path(f"/proc/{decoder._zygote.pid}/stat").read_text().rsplit(")", 1)[1].split()  # noqa: SLF001
    user, system, children_user, children_system = (int(ticks) * TICK_MS for ticks in zygote[11:15])
    return {
        "here": 1000 * (used.ru_utime + used.ru_stime),
        "zygote": user + system,
        "children": children_user + children_system,
    }


async def look(decoder: Decoder, data: bytes, looks: int, at_once: int) -> dict[str, Any]:
    """The Ingress's part of it, with a file as Starlette leaves it."""
    left, took_ms = iter(range(looks)), []

    async def one_after_the_other() -> None:
        with tempfile.SpooledTemporaryFile(MB) as file:
            file.write(data)
            for _ in left:
                began_at = time.perf_counter()
                await decoder.look(file, BOUNDS)
                took_ms.append(1000 * (time.perf_counter() - began_at))

    before = spent_ms(decoder)
    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    after = spent_ms(decoder)
    return {
        "cpu_ms": {name: (after[name] - before[name]) / looks for name in after},
        "p50_ms": statistics.median(took_ms),
        "p99_ms": sorted(took_ms)[int(0.99 * (looks - 1))],
    }


def here_ms(data: bytes, looks: int) -> float:
    began_at = time.process_time()
    for _ in range(looks):
        decode(io.BytesIO(data))
    return 1000 * (time.process_time() - began_at) / looks


async def measure(decoder: Decoder, data: bytes, looks: int, rounds: int, at_once: int) -> dict[str, Any]:
    """Medians over the rounds."""
    await look(decoder, data, 4, 1)
    found = [(here_ms(data, max(1, looks // 4)), await look(decoder, data, looks, at_once)) for _ in range(rounds)]

    def median(values: Any) -> float:
        return round(statistics.median(values), 2)

    return {
        "in_process_cpu_ms": median(here for here, _ in found),
        "cpu_ms": {name: median(each["cpu_ms"][name] for _, each in found) for name in found[0][1]["cpu_ms"]},
        "cpu_ratio": median(sum(each["cpu_ms"].values()) / here for here, each in found),
        **{name: median(each[name] for _, each in found) for name in ("p50_ms", "p99_ms")},
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description="what a child for each picture costs")
    parser.add_argument("--looks", type=int, default=100, help="in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 8])
    options = parser.parse_args()
    decoder = Decoder()
    decoder.start()
    try:
        result = {
            f"{name}, {at_once} at once": await measure(decoder, data, options.looks, options.rounds, at_once)
            for name, data in pictures().items()
            for at_once in options.at_once
        }
    finally:
        decoder.close()
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
