"""How fast is a result written, and how large does it become?

    python -m benchmarks.encode [--side 2048] [--rounds 3] [--picture FILE]

Prints JSON: megapixels a second and bytes of our PNG, of Pillow's at three settings, of JPEG and WEBP; and each
rate as a share of our PNG's. Without --picture, of a photograph enlarged by the fast model.
"""

from __future__ import annotations

import argparse
import io
import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from benchmarks.environment import Pixels, photo
from benchmarks.ours import loaded, running, timed
from upscaler.pictures.encoding import encode
from upscaler.pictures.picture import Format, Picture

FAST = "realesr-animevideov3"
Writer = Callable[[IO[bytes]], Any]


def enlarged_photo(side: int) -> Pixels:
    model = loaded(FAST)
    with running(model.device) as engine:
        return timed(engine, model, photo(side // 4, side // 4))[1]


def writers(pixels: Pixels) -> dict[str, Writer]:
    def ours(name: Format) -> Writer:
        return lambda file: encode(Picture(pixels, None, False, None, name), file)

    def pillow(**options: Any) -> Writer:
        return lambda file: Image.fromarray(pixels).save(file, "PNG", **options)

    return {
        "png": ours("png"),
        "pillow_png_level_6": pillow(),
        "pillow_png_level_1": pillow(compress_level=1),
        "pillow_png_level_1_rle": pillow(compress_level=1, compress_type=zlib.Z_RLE),
        "jpeg": ours("jpeg"),
        "webp": ours("webp"),
    }


def rate(write: Writer, pixels: Pixels, rounds: int) -> tuple[float, int]:
    """Megapixels a second of the best round, and bytes written."""
    best_s, size_bytes = float("inf"), 0
    for _ in range(rounds):
        file, started_at = io.BytesIO(), time.perf_counter()
        write(file)
        best_s = min(best_s, time.perf_counter() - started_at)
        size_bytes = len(file.getvalue())
    return pixels.size / 3 / 1e6 / best_s, size_bytes


def measure(pixels: Pixels, rounds: int) -> dict[str, dict[str, float]]:
    rates = {name: rate(write, pixels, rounds) for name, write in writers(pixels).items()}
    ours, our_bytes = rates["png"]
    return {
        name: {
            "mpx_per_s": round(mpx_per_s, 2),
            "bytes": size_bytes,
            "rate_to_ours": round(mpx_per_s / ours, 3),
            "bytes_to_ours": round(size_bytes / our_bytes, 3),
        }
        for name, (mpx_per_s, size_bytes) in rates.items()
    }


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    if options.picture:
        with Image.open(options.picture) as image:
            pixels = np.asarray(image.convert("RGB"))
    else:
        pixels = enlarged_photo(options.side)
    print(json.dumps(measure(pixels, options.rounds), indent=2))


if __name__ == "__main__":
    main()
