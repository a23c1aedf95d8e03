"""Which device computes, in which numeric format, and whether it computes rightly."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional as F

from upscaler.errors import DeviceError
from upscaler.memory import SHARE, cpu_memory_budget, cpu_threads
from upscaler.networks.stack import in_planes

log = logging.getLogger(__name__)

DeviceName = Literal["auto", "cpu", "cuda"]
DtypeName = Literal["auto", "float32", "bfloat16", "float16"]

CPU_BAND_PX = 65_536
"""Map pixels a convolution takes at once: on larger ones a processor's caches stop helping."""

CUDA_BAND_PX = 4 << 20

KERNEL_CACHES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
KERNELS_KEPT = 96
"""oneDNN and torch each keep code for every shape of convolution that they have met, 1024 by default, and
pictures of all sizes have many: 100 MB. A pass over a whole picture needs about half as many as this, one in
tiles about as many, and to make one anew costs less than can be measured. Neither can be told but by an
environment variable, before its first use."""

TEST_SHAPE = (1, 64, 64, 64)
TEST_ROUNDS = 5
MUCH_SLOWER = 0.75
"""bfloat16 is about twice as fast as float32 where the processor has it, and several times slower
where it is emulated."""

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 3e-2, torch.float16: 1e-2}
SLOWEST_GFLOPS = 0.5
"""Below this a kernel is broken, not slow: a single core of 2010 does ten times more."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where and how an engine computes. `reason` says in a sentence why it was chosen."""

    torch_device: torch.device
    dtype: torch.dtype
    reason: str
    band_px: int
    memory_budget_bytes: int
    flop_per_s: float
    over_planes: bool = False
    """Whether dense blocks are best computed by 3-D convolutions (networks/stack.py)."""

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


def select_device(
    name: DeviceName = "auto",
    dtype: DtypeName = "auto",
    *,
    engines_on_host: int = 1,
    memory_budget_bytes: int | None = None,
) -> Device:
    """Choose, test and describe the device. Sets torch's thread count when it is the processor.

    Raises DeviceError when "cuda" is asked for and missing, or when the self-test fails.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError("no CUDA device is available to this process")
    if name == "cuda" or (name == "auto" and torch.cuda.is_available()):
        return _cuda(dtype, memory_budget_bytes)
    return _cpu(dtype, memory_budget_bytes or cpu_memory_budget(engines_on_host), cpu_threads(engines_on_host))


def _cuda(dtype: DtypeName, budget: int | None) -> Device:
    device = torch.device("cuda")
    chosen = torch.float16 if dtype == "auto" else getattr(torch, dtype)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # float32 is what we retry in
    flop_per_s = self_test(device, chosen)
    free_bytes, _ = torch.cuda.mem_get_info(device)
    reason = f"{torch.cuda.get_device_name(device)}: {'half precision' if dtype == 'auto' else 'dtype as asked'}"
    return Device(device, chosen, reason, CUDA_BAND_PX, budget or int(SHARE * free_bytes), flop_per_s)


def _cpu(dtype: DtypeName, budget: int, threads: int) -> Device:
    device = torch.device("cpu")
    torch.set_num_threads(threads)
    for name in KERNEL_CACHES:
        os.environ.setdefault(name, str(KERNELS_KEPT))
    if dtype == "float16":
        raise DeviceError(
            "float16 is hundreds of times slower than float32 on a processor; ask for bfloat16 or float32"
        )
    if dtype == "auto":
        chosen, reason, flop_per_s = _faster_of_bf16_and_fp32(device)
    else:
        chosen, reason = getattr(torch, dtype), "dtype as asked"
        flop_per_s = self_test(device, chosen)
    over_planes = chosen == torch.bfloat16 and _planes_pay(chosen)
    return Device(device, chosen, f"{reason}; {threads} threads", CPU_BAND_PX, budget, flop_per_s, over_planes)


def _faster_of_bf16_and_fp32(device: torch.device) -> tuple[torch.dtype, str, float]:
    """bfloat16 where the processor computes in it, else float32. The choice changes pixels, so it must
    not depend on what else runs: one thread's own processor time is compared, which others do not use up."""
    try:
        with _one_thread():
            bf16, fp32 = (self_test(device, each, time.thread_time) for each in (torch.bfloat16, torch.float32))
        ratio = bf16 / fp32
        reason = f"bfloat16 runs {ratio:.1f} times as fast as float32 in the self-test"
    except DeviceError as error:
        ratio, reason = 0.0, f"float32, since bfloat16 failed its self-test ({error})"
    chosen = torch.bfloat16 if ratio > MUCH_SLOWER else torch.float32
    return chosen, reason, self_test(device, chosen)


@torch.inference_mode()
def self_test(device: torch.device, dtype: torch.dtype, clock: Callable[[], float] = time.perf_counter) -> float:
    """Convolve in `dtype` on `device`; the FLOP/s of the best round by `clock`.

    Raises DeviceError when the result differs from float64's, or takes absurdly long.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(TEST_SHAPE, generator=generator)
    weight = torch.randn((64, 64, 3, 3), generator=generator) / 24.0  # keeps the variance of the output at 1
    expected = F.conv2d(x.double(), weight.double(), padding=1)
    x_there = x.to(device, dtype, memory_format=torch.channels_last)
    weight_there = weight.to(device, dtype, memory_format=torch.channels_last)
    seconds, y = _best_time(lambda: F.conv2d(x_there, weight_there, padding=1), clock)
    flop_per_s = 2 * weight.numel() * x.shape[-1] * x.shape[-2] / seconds
    error = _error(y, expected)
    if not error <= TOLERANCE[dtype]:
        raise DeviceError(f"a convolution in {dtype} on {device} is off by {error:.2g} of its range")
    if flop_per_s < SLOWEST_GFLOPS * 1e9:
        raise DeviceError(f"a convolution in {dtype} on {device} runs at {flop_per_s / 1e9:.2g} GFLOP/s only")
    log.debug("self-test %s %s: %.0f GFLOP/s, error %.1e", device, dtype, flop_per_s / 1e9, error)
    return flop_per_s


@torch.inference_mode()
def _planes_pay(dtype: torch.dtype) -> bool:
    """Whether a 3-D convolution over four planes of 32 channels is right, and about as fast as the 2-D
    one over their 128. It is as fast, or very much slower."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((1, 4 * 32, 66, 64), generator=generator)
    weight = torch.randn((32, 4 * 32, 3, 3), generator=generator) / 34.0
    expected = F.conv2d(x.double(), weight.double(), padding=(0, 1))
    x2, weight2 = (each.to(dtype, memory_format=torch.channels_last) for each in (x, weight))
    x3, weight3 = (in_planes(each, 32).contiguous(memory_format=torch.channels_last_3d) for each in (x2, weight2))
    with _one_thread():
        flat_s, _ = _best_time(lambda: F.conv2d(x2, weight2, padding=(0, 1)), time.thread_time)
        planes_s, y = _best_time(lambda: F.conv3d(x3, weight3, padding=(0, 0, 1)), time.thread_time)
    return _error(y.squeeze(2), expected) <= TOLERANCE[dtype] and planes_s < flat_s / MUCH_SLOWER


def _best_time(convolve: Callable[[], torch.Tensor], clock: Callable[[], float]) -> tuple[float, torch.Tensor]:
    """Seconds of the best round by `clock`, and what came of it."""
    seconds = []
    for _ in range(TEST_ROUNDS):
        started_at = clock()
        y = convolve()
        if y.is_cuda:
            torch.cuda.synchronize()
        seconds.append(clock() - started_at)
    return min(seconds), y


def _error(y: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest difference as a share of the range."""
    return (y.double().cpu() - expected).abs().max().item() / expected.abs().max().item()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
