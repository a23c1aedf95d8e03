"""What does the way through HTTP add to the engine's own time?

    python -m benchmarks.overhead [--url http://localhost:8089] [--side 256] [--rounds 3] [--model NAME]

For a running service on this machine with nothing else to do. Prints JSON: seconds of the engine alone, in this
process; seconds from the start of the submission to the last byte of the download, the status asked for with
`?wait`; and their ratio. Both are taken in turn.
"""

from __future__ import annotations

import argparse
import io
import json
import time

import httpx
from PIL import Image

from benchmarks.environment import Pixels, drawing
from benchmarks.ours import loaded, running, timed

WAIT_S = 30


def through_http(client: httpx.Client, png: bytes, model: str) -> float:
    """Seconds of submitting, waiting and downloading."""
    started_at = time.perf_counter()
    answer = client.post("/api/v1/upscale", files={"image": ("drawing.png", png)}, data={"model": model})
    url = answer.raise_for_status().json()["status_url"]
    while (document := client.get(url, params={"wait": WAIT_S}).raise_for_status().json())["status"] == "processing":
        pass
    client.get(document["download_url"]).raise_for_status()
    return time.perf_counter() - started_at


def as_png(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def measure(url: str, side: int, rounds: int, name: str) -> dict[str, float]:
    pixels, model = drawing(side, side), loaded(name)
    engine_s, http_s = [], []
    with running(model.device) as engine, httpx.Client(base_url=url, timeout=600) as client:
        timed(engine, model, pixels)
        for _ in range(rounds):
            engine_s.append(timed(engine, model, pixels)[0])
            http_s.append(through_http(client, as_png(pixels), name))
    return {
        "engine_s": round(min(engine_s), 3),
        "http_s": round(min(http_s), 3),
        "engine_to_http": round(min(engine_s) / min(http_s), 3),
    }


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://localhost:8089")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="realesrgan-x4plus")
    options = parser.parse_args()
    print(json.dumps(measure(options.url, options.side, options.rounds, options.model), indent=2))


if __name__ == "__main__":
    main()
