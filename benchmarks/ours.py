"""Our engine as the benchmarks run it, and the floor that it is held against."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.nn import functional as F

from benchmarks.environment import Pixels
from upscaler.catalogue import find_spec, load_catalogue
from upscaler.device import Device, DtypeName, select_device
from upscaler.engine import Engine
from upscaler.model import Model, build_network, load_model
from upscaler.weights import Weights, WeightsStore, default_cache_dir, load_tensors

FLOOR_SHAPE = (64, 192)
FLOOR_ROUNDS = 8


def weights_of(name: str) -> Weights:
    """Where this machine has the weights of a model."""
    return WeightsStore(default_cache_dir(), {}).require(find_spec(load_catalogue(), name))


def loaded(name: str, device: Device | None = None, dtype: DtypeName = "auto") -> Model:
    """The model on `device`, or on the one that the engine chooses."""
    spec = find_spec(load_catalogue(), name)
    return load_model(spec, weights_of(name), device or select_device("auto", dtype))


@contextmanager
def running(device: Device) -> Iterator[Engine]:
    """An engine for the length of a block."""
    engine = Engine(device)
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


def timed(engine: Engine, model: Model, pixels: Pixels) -> tuple[float, Pixels]:
    """Seconds of one pass, and what came of it."""
    started_at = time.perf_counter()
    result = engine.submit(model, pixels).result.result()
    return time.perf_counter() - started_at, result


@torch.inference_mode()
def best_convolution_rate(device: Device, side: int) -> float:
    """FLOP/s of the convolution that suits this machine best, 64 to 192 channels on side² pixels."""
    few, many = FLOOR_SHAPE
    place = {"device": device.torch_device, "dtype": device.dtype}
    x = torch.randn((1, few, side, side), **place).contiguous(memory_format=torch.channels_last)
    weight = torch.randn((many, few, 3, 3), **place).contiguous(memory_format=torch.channels_last)
    flop, best_s = 2 * weight.numel() * side * side, float("inf")
    for _ in range(FLOOR_ROUNDS):
        started_at = time.perf_counter()
        F.conv2d(x, weight, padding=1)
        if x.is_cuda:
            torch.cuda.synchronize()
        best_s = min(best_s, time.perf_counter() - started_at)
    return flop / best_s


def official_weights(name: str, folder: Path) -> Path:
    """The model's weights as a checkpoint of the official form, for peers that read only that."""
    names = list(build_network(find_spec(load_catalogue(), name)).state_dict())
    path = folder / "weights.pth"
    torch.save({"params": dict(load_tensors(weights_of(name), names))}, path)
    return path
