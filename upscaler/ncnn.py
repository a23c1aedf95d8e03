"""Read weights in ncnn's format: a `.param` text that lists the layers, a `.bin` that holds numbers.

Format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure. Only what the
Real-ESRGAN models hold is understood: Convolution and PReLU layers, fp16 or fp32.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upscaler.errors import WeightsError

MAGIC = "7767517"
FP16_TAG = 0x01306B47
FP32_TAG = 0


class _Numbers:
    """A cursor over the `.bin` file."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int, dtype: str) -> NDArray[np.float32]:
        size = count * np.dtype(dtype).itemsize
        if self._at + size > len(self._data):
            raise WeightsError("the ncnn weights end before the last layer")
        values = np.frombuffer(self._data, dtype, count, self._at)
        self._at += -(-size // 4) * 4
        return values.astype(np.float32)

    def take_tagged(self, count: int) -> NDArray[np.float32]:
        tag = int(np.frombuffer(self._data[self._at : self._at + 4].ljust(4, b"\xff"), "<u4")[0])
        self._at += 4
        if tag == FP16_TAG:
            return self.take(count, "<f2")
        if tag == FP32_TAG:
            return self.take(count, "<f4")
        raise WeightsError(f"the ncnn weights have an unknown storage tag {tag:#x}")

    def expect_end(self) -> None:
        if self._at != len(self._data):
            raise WeightsError("the ncnn weights are longer than the layers listed")


def _layers(param: str) -> Iterator[tuple[str, dict[int, int]]]:
    """Each layer's type and its integer settings (array settings and floats have no use here)."""
    lines = param.splitlines()
    if not lines or lines[0].strip() != MAGIC:
        raise WeightsError("not an ncnn .param file")
    for line in lines[2:]:
        words = line.split()
        if len(words) < 4:
            continue
        settings = words[4 + int(words[2]) + int(words[3]) :]
        pairs = (setting.split("=", 1) for setting in settings)
        yield words[0], {int(key): int(value) for key, value in pairs if value.lstrip("-").isdigit()}


def read_ncnn(param_path: Path, bin_path: Path) -> list[NDArray[np.float32]]:
    """All tensors in the order of the module's forward: conv weight, conv bias, PReLU slopes, …

    Convolution weights come as (out, in, 3, 3). Raises WeightsError when the two files do not fit.
    """
    param, numbers = param_path.read_bytes(), _Numbers(bin_path.read_bytes())
    try:
        tensors = _tensors(param.decode(), numbers)
    except (KeyError, ValueError) as error:  # a setting is missing, is no number, or contradicts another
        raise WeightsError(f"{param_path.name} is damaged") from error
    numbers.expect_end()
    return tensors


def _tensors(param: str, numbers: _Numbers) -> list[NDArray[np.float32]]:
    tensors = []
    for kind, settings in _layers(param):
        if kind == "Convolution":
            outputs, kernel = settings[0], settings[1]
            weight = numbers.take_tagged(settings[6])
            tensors.append(weight.reshape(outputs, -1, kernel, kernel))
            if settings.get(5):
                tensors.append(numbers.take(outputs, "<f4"))
        elif kind == "PReLU":
            tensors.append(numbers.take(settings[0], "<f4"))
    return tensors
