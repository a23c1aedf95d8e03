"""The tail of RRDBNet: two upsamplings and two last convolutions, over bands that hand on their last rows.

A 3×3 convolution after a nearest-neighbour doubling sees every input pixel up to four times. So it is
four 2×2 convolutions of the smaller map, one for each parity of the output's row and column, with the
weights that met the same pixel added up: exact, and 4/9 of the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upscaler.geometry import Band, bands
from upscaler.networks.maps import FeatureMap, Sink, columns_beside, conv_band, conv_flop

BAND_PX = 8_192
"""Body pixels in a band: the maps of its end, 16 times as large, then stay near the caches."""

SLOPE = 0.2

MARGIN = 1
"""Columns of zeros beside a map that is doubled. With torch's own padding, the last bit of what oneDNN's
2×2 convolutions compute depends on the number of threads; it takes a fifth longer, too."""


class TailModules(Protocol):
    """The official parameters of the tail."""

    conv_up1: nn.Conv2d
    conv_up2: nn.Conv2d
    conv_hr: nn.Conv2d
    conv_last: nn.Conv2d


def folded(weight: Tensor) -> Tensor:
    """A (O, C, 3, 3) kernel as the four (O, C, 2, 2) kernels by row and column parity: (2, 2, O, C, 2, 2)."""
    above, here, below = weight.unbind(2)
    by_row = torch.stack([torch.stack([above, here + below], 2), torch.stack([above + here, below], 2)])
    left, middle, right = by_row.unbind(4)
    return torch.stack([torch.stack([left, middle + right], 4), torch.stack([left + middle, right], 4)], 1)


class Window:
    """Rows of a map that come in order, with the two rows before them, so that a convolution which
    lags one row behind sees all there is to see. Beyond the first and the last row stand zeros."""

    def __init__(self, channels: int, rows: int, width: int, like: Tensor, *, margin: int = 0) -> None:
        """Room for `rows` new rows at a time. `margin` columns of zeros stand left and right."""
        shape = (1, channels, rows + 3, width + 2 * margin)
        self._columns = slice(margin, margin + width)
        self._rows = torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)
        for edge in (self._rows[:, :, :1], *columns_beside(self._rows, margin)):
            edge.zero_()
        self._filled = 1

    def room(self, rows: int) -> Tensor:
        """The place of the next rows, for the caller to write."""
        start = self._filled
        self._filled += rows
        return self._rows[:, :, start : self._filled, self._columns]

    def context(self, *, is_last: bool) -> Tensor:
        """All rows here, with the margin; the convolution's output has two fewer. Afterwards `advance`."""
        if is_last:
            self.room(1).zero_()
        return self._rows[:, :, : self._filled]

    def advance(self) -> None:
        """Keep the last two rows only."""
        self._rows[:, :, :2] = self._rows[:, :, self._filled - 2 : self._filled].clone()
        self._filled = 2


class Tail:
    """One picture's way through the tail. `run` it once; each item is the FLOP of a piece, counted as
    the plain network would spend them."""

    def __init__(self, modules: TailModules, kernels: tuple[Tensor, Tensor], features: FeatureMap, x: Tensor) -> None:
        """`kernels` are the folded weights of the two upsamplings; `features` is (1, C, H, W), whole, with
        MARGIN, and `x` of its height and width."""
        self._modules, self._kernels, self._features = modules, kernels, features
        self._height, self._width = x.shape[-2:]
        self._bands = bands(self._height, self._width, BAND_PX)
        channels, rows = modules.conv_up1.out_channels, max(band.rows for band in self._bands)
        self._doubled = Window(channels, 2 * rows, 2 * self._width, x, margin=MARGIN)
        self._fourfold = Window(channels, 4 * rows + 2, 4 * self._width, x)
        self._finished = Window(channels, 4 * rows + 3, 4 * self._width, x)

    def run(self, sink: Sink) -> Iterator[int]:
        """Hand the finished rows to `sink`, from the first to the last."""
        modules, done = self._modules, 0
        for band in self._bands:
            is_last, px = band.stop == self._height, band.rows * self._width
            self._double(modules.conv_up1, 0, self._features.context(band), self._doubled)
            yield conv_flop(modules.conv_up1, 4 * px)
            self._double(modules.conv_up2, 1, self._doubled.context(is_last=is_last), self._fourfold)
            self._doubled.advance()
            yield conv_flop(modules.conv_up2, 16 * px)
            y = F.leaky_relu_(conv_band(modules.conv_hr, self._fourfold.context(is_last=is_last)), SLOPE)
            self._finished.room(y.shape[2]).copy_(y)
            self._fourfold.advance()
            yield conv_flop(modules.conv_hr, 16 * px)
            y = conv_band(modules.conv_last, self._finished.context(is_last=is_last))
            self._finished.advance()
            sink(Band(done, done + y.shape[2]), y)
            done += y.shape[2]
            yield conv_flop(modules.conv_last, 16 * px)

    def _double(self, conv: nn.Conv2d, kernel: int, context: Tensor, target: Window) -> None:
        """Upsample by 2 and convolve rows that bring their context with them, then activate."""
        rows, width = context.shape[2] - 2, context.shape[3] - 2 * MARGIN
        place = target.room(2 * rows)
        for down in (0, 1):
            seen = context[:, :, down : down + rows + 1]
            for right in (0, 1):
                y = F.conv2d(seen, self._kernels[kernel][down, right], conv.bias)
                mine = y[:, :, :, right : right + width]
                place[:, :, down::2, right::2] = F.leaky_relu_(mine, SLOPE)
