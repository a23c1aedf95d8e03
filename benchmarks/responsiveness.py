"""Does a running job keep the service from answering? Status requests, idle and while a job runs.

    python -m benchmarks.responsiveness [--url http://localhost:8089] [--side 512] [--seconds 10]

Prints the median and the 99th percentile of a status request in both cases, and their ratio.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time

import httpx
from PIL import Image

PAUSE_S = 0.01


def latencies_ms(client: httpx.Client, job_id: str, seconds: float) -> list[float]:
    """Ask for a job's status one request after the other for so long."""
    samples, end_at = [], time.perf_counter() + seconds
    while time.perf_counter() < end_at:
        started_at = time.perf_counter()
        client.get(f"/api/v1/status/{job_id}").raise_for_status()
        samples.append((time.perf_counter() - started_at) * 1000)
        time.sleep(PAUSE_S)
    return samples


def summary(samples: list[float]) -> dict[str, float]:
    p99 = statistics.quantiles(samples, n=100)[98]
    return {"requests": len(samples), "p50_ms": round(statistics.median(samples), 2), "p99_ms": round(p99, 2)}


def submit(client: httpx.Client, side: int) -> str:
    file = io.BytesIO()
    Image.radial_gradient("L").resize((side, side)).convert("RGB").save(file, "PNG")
    answer = client.post("/api/v1/upscale", files={"image": ("gradient.png", file.getvalue())})
    return str(answer.raise_for_status().json()["job_id"])


def wait_until_ended(client: httpx.Client, job_id: str) -> None:
    while client.get(f"/api/v1/status/{job_id}").json()["status"] == "processing":
        time.sleep(0.1)


def measure(url: str, side: int, seconds: float) -> dict[str, dict[str, float]]:
    """Idle first, on a job that has ended; then on one that runs meanwhile."""
    with httpx.Client(base_url=url, timeout=30) as client:
        small = submit(client, 8)
        wait_until_ended(client, small)
        idle = summary(latencies_ms(client, small, seconds))
        large = submit(client, side)
        busy = summary(latencies_ms(client, large, seconds))
        client.get(f"/api/v1/download/{small}")
    return {"idle": idle, "busy": busy, "ratio": {key: round(busy[key] / idle[key], 2) for key in ("p50_ms", "p99_ms")}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://localhost:8089")
    parser.add_argument("--side", type=int, default=512, help="pixels a side of the picture that keeps the engine busy")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    print(json.dumps(measure(options.url, options.side, options.seconds), indent=2))


if __name__ == "__main__":
    main()
