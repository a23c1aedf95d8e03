"""The choice of a device, and the self-test that keeps a broken one from ruining pictures."""

from __future__ import annotations

import pytest
import torch
from torch.overrides import TorchFunctionMode

from upscaler.device import SLOWEST_GFLOPS, select_device, self_test
from upscaler.errors import DeviceError

CPU = torch.device("cpu")


class WrongKernel(TorchFunctionMode):
    """A processor whose convolutions go wrong in one numeric format."""

    def __init__(self, dtype: torch.dtype, spoil) -> None:
        super().__init__()
        self._dtype, self._spoil = dtype, spoil

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        is_wrong = func is torch.nn.functional.conv2d and result.dtype == self._dtype
        return self._spoil(result) if is_wrong else result


def off_by_a_tenth(y):
    return y * 1.1


def a_nan(y):
    return torch.where(torch.arange(y.shape[-1]) == 3, torch.nan, y)


@pytest.fixture(autouse=True)
def _threads():
    """`select_device` sets torch's threads, as the process that it is meant for wants."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_sound_kernel_passes_and_has_a_rate(dtype):
    assert self_test(CPU, dtype) > SLOWEST_GFLOPS * 1e9


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("spoil", [off_by_a_tenth, a_nan])
def test_a_wrong_kernel_is_refused(dtype, spoil):
    with WrongKernel(dtype, spoil), pytest.raises(DeviceError, match="off by"):
        self_test(CPU, dtype)


def test_a_processor_with_wrong_bfloat16_computes_in_float32():
    with WrongKernel(torch.bfloat16, off_by_a_tenth):
        device = select_device("cpu")
    assert device.dtype == torch.float32
    assert "bfloat16 failed its self-test" in device.reason


def test_a_processor_with_wrong_float32_is_refused():
    with WrongKernel(torch.float32, off_by_a_tenth), pytest.raises(DeviceError):
        select_device("cpu", "float32")


def test_auto_chooses_a_format_and_says_why():
    device = select_device("cpu")
    assert device.dtype_name in ("float32", "bfloat16")
    assert "self-test" in device.reason
    assert device.flop_per_s > SLOWEST_GFLOPS * 1e9
    assert device.memory_budget_bytes > 0


def test_what_is_asked_for_is_taken():
    device = select_device("cpu", "float32", memory_budget_bytes=12_345)
    assert (device.torch_device, device.dtype_name, device.memory_budget_bytes) == (CPU, "float32", 12_345)


def test_float16_on_a_processor_is_refused():
    with pytest.raises(DeviceError, match="float16"):
        select_device("cpu", "float16")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_missing_cuda_device_is_an_error():
    with pytest.raises(DeviceError, match="CUDA"):
        select_device("cuda")
