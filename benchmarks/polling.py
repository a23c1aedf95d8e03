"""How often can clients poll? The rate of status requests beside that of a FastAPI route on Serve that does nothing,
through the same proxy, in turn.

    python -m benchmarks.polling [--clients 64] [--seconds 3] [--rounds 5]

Prints both rates and the median of their ratios. Starts a Ray and a service of its own; loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from typing import Any

from fastapi import FastAPI

from benchmarks.responsiveness import submit, wait_until_ended
from benchmarks.service.running import FAST, prepare, serving

NOTHING = "/nothing"
nothing = FastAPI()


@nothing.get("/{item}")
async def do_nothing(item: str) -> dict[str, str]:
    return {"item": item}


async def ask_again_and_again(port: int, path: str, end_at: float) -> int:
    """How many answers one connection has got."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request, answers = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), 0
    while time.perf_counter() < end_at:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(head.decode())
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        answers += 1
    writer.close()
    return answers


async def rate(port: int, paths: list[str], seconds: float) -> float:
    """Answers a second, one client for each path."""
    started_at = time.perf_counter()
    asking = (ask_again_and_again(port, path, started_at + seconds) for path in paths)
    return sum(await asyncio.gather(*asking)) / (time.perf_counter() - started_at)


def measure(port: int, clients: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Against a Serve on `port` that has both applications. In turn, since machines are noisy."""
    import httpx

    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        jobs = [submit(client, 8) for _ in range(clients)]
        for job_id in jobs:
            wait_until_ended(client, job_id)
        paths = {
            "nothing": [f"{NOTHING}/{job_id}" for job_id in jobs],
            "status": [f"/api/v1/status/{job_id}" for job_id in jobs],
        }
        for found in paths.values():
            asyncio.run(rate(port, found, seconds / 4))
        rates = [
            {name: asyncio.run(rate(port, found, seconds)) for name, found in paths.items()} for _ in range(rounds)
        ]
        for job_id in jobs:
            client.delete(f"/api/v1/status/{job_id}")
    return {
        "nothing_per_s": round(statistics.median(found["nothing"] for found in rates), 1),
        "status_per_s": round(statistics.median(found["status"] for found in rates), 1),
        "ratio": round(statistics.median(found["status"] / found["nothing"] for found in rates), 3),
    }


def deploy_nothing() -> None:
    """The route that does nothing, beside what is already there."""
    from ray import serve

    @serve.deployment(name="Nothing", max_ongoing_requests=400, ray_actor_options={"num_cpus": 0})
    @serve.ingress(nothing)
    class Nothing:
        pass

    serve.run(Nothing.bind(), name="nothing", route_prefix=NOTHING)


def main() -> None:
    """Read the command line, start both applications, measure, and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args()
    scratch = prepare()  # before Ray is imported

    from deployments.settings import ModelSettings, Settings

    settings = Settings(storage_url=str(scratch / "storage"), models=ModelSettings(default=FAST))
    with serving(scratch, options.port, settings):
        deploy_nothing()
        print(json.dumps(measure(options.port, options.clients, options.seconds, options.rounds), indent=1))


if __name__ == "__main__":
    main()
