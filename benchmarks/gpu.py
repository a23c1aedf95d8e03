"""What is the engine worth on a GPU? Needs torch, numpy and pillow, and nothing else installed.

    python -m benchmarks.gpu [--sides 256,512,1024] [--model rrdbnet-23|rrdbnet-6|srvgg-16] [--rounds 5] [--device cuda]

Prints JSON with the device's name. Weights are random: only time is measured, and that half precision agrees
with float32. For each side: seconds of our pass, uint8 in and uint8 out; of the textbook forward, eager,
replayed as a CUDA graph, and compiled; and each rate as a share of the best convolution's.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.ours import best_convolution_rate
from benchmarks.peers.networks import PlainRRDBNet
from upscaler.catalogue import ModelSpec, Release
from upscaler.device import Device, select_device
from upscaler.engine import Engine
from upscaler.model import Model, build_network
from upscaler.networks.rrdbnet import RRDBNet
from upscaler.transfer import Pixels

MODELS = {"rrdbnet-23": ("rrdbnet", 23, 32, 48), "rrdbnet-6": ("rrdbnet", 6, 32, 48), "srvgg-16": ("srvgg", 16, 0, 18)}
GAIN = 0.5
"""Random weights scaled so that values neither die out nor leave the range of float16."""


def spec(name: str) -> ModelSpec:
    architecture, depth, growth, halo_px = MODELS[name]
    release = Release(url="", sha256="")
    return ModelSpec(name, architecture, 64, depth, growth, 4, 0.0, halo_px, release, None, "random")  # type: ignore[arg-type]


def random_network(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    network = build_network(spec(name))
    for parameter in network.parameters():
        parameter.data.mul_(GAIN)
    return network.eval().requires_grad_(False)


def synchronize(device: Device) -> None:
    if device.torch_device.type == "cuda":
        torch.cuda.synchronize()


def best_s(device: Device, call: Callable[[], Any], rounds: int) -> float:
    """Seconds of the best round, after one that is not counted."""
    seconds = []
    for _ in range(rounds + 1):
        synchronize(device)
        started_at = time.perf_counter()
        call()
        synchronize(device)
        seconds.append(time.perf_counter() - started_at)
    return min(seconds[1:])


def graph_of(call: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], None]:
    """`call(x)` captured once, to be replayed."""
    for _ in range(2):
        call(x)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call(x)
    return graph.replay


def forwards(device: Device, plain: PlainRRDBNet, x: Tensor, rounds: int, *, compiled: bool) -> dict[str, float]:
    """Seconds of the textbook forward in each way there is on this device."""
    found = {"plain_eager": best_s(device, lambda: plain(x), rounds)}
    if device.torch_device.type == "cuda":
        found["plain_cuda_graph"] = best_s(device, graph_of(plain, x), rounds)
    if compiled:
        faster = torch.compile(plain)
        found["plain_compiled"] = best_s(device, lambda: faster(x), rounds)
    return found


def upscaled(engine: Engine, model: Model, pixels: Pixels) -> Pixels:
    return engine.submit(model, pixels).result.result()


@torch.inference_mode()
def at_side(device: Device, name: str, side: int, rounds: int, *, compiled: bool) -> dict[str, Any]:
    network = random_network(name)
    model = Model(spec(name), network, device)
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
    engine = Engine(device)
    engine.start()
    try:
        seconds = {"ours": best_s(device, lambda: upscaled(engine, model, pixels), rounds)}
    finally:
        engine.close()
    if isinstance(network, RRDBNet):
        place = {"device": device.torch_device, "dtype": device.dtype, "memory_format": torch.channels_last}
        plain = PlainRRDBNet(network).to(**place)  # type: ignore[call-overload]
        x = torch.rand(1, 3, side, side).to(**place)  # type: ignore[call-overload]
        seconds |= forwards(device, plain, x, rounds, compiled=compiled)
    flop, rate = model.flop(side, side), best_convolution_rate(device, side)
    return {
        "tiles": len(model.plan(side, side)),
        "seconds": {way: round(took_s, 5) for way, took_s in seconds.items()},
        "tflop_per_s": {way: round(flop / took_s / 1e12, 3) for way, took_s in seconds.items()},
        "ours_to_plain_eager": round(seconds["plain_eager"] / seconds["ours"], 3) if len(seconds) > 1 else None,
        "best_convolution_tflop_per_s": round(rate / 1e12, 3),
        "share_of_best_convolution": {way: round(flop / took_s / rate, 3) for way, took_s in seconds.items()},
    }


def half_against_float(name: str, device: Device) -> dict[str, float]:
    """How far half precision is from float32 on this device, in grey levels."""
    pixels = np.random.default_rng(1).integers(0, 255, (96, 80, 3), np.uint8)
    results = []
    for dtype in ("float16", "float32"):
        one = select_device(device.torch_device.type, dtype)  # type: ignore[arg-type]
        engine = Engine(one)
        engine.start()
        results.append(engine.submit(Model(spec(name), random_network(name), one), pixels).result.result().astype(int))
        engine.close()
    levels = np.abs(results[0] - results[1])
    return {"max": int(levels.max()), "mean": round(float(levels.mean()), 4)}


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", default="256,512,1024")
    parser.add_argument("--model", choices=tuple(MODELS), default="rrdbnet-23")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out, which takes minutes")
    options = parser.parse_args()
    device = select_device(options.device)
    result: dict[str, Any] = {"device": device.reason, "torch": torch.__version__, "dtype": device.dtype_name}
    if options.device == "cuda":
        result["half_against_float"] = half_against_float(options.model, device)
    for side in [int(side) for side in options.sides.split(",")]:
        result[f"{side}×{side}"] = at_side(device, options.model, side, options.rounds, compiled=not options.no_compile)
    print(json.dumps(result, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
