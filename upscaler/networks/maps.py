"""Feature maps that a 3×3 convolution can walk in bands, and what a piece of such work is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upscaler.geometry import Band

Pieces = Iterator[int]
"""Work done piece by piece: each item is the FLOP just spent. Halos are not counted, so that the
items of a run add up to exactly `Network.flop(height, width)`."""

Sink = Callable[[Band, Tensor], None]
"""Takes finished rows: the band in output rows, and a (1, 3, rows, width) tensor in 0…1."""


class Network(Protocol):
    """What a Model needs of an architecture."""

    def flop(self, height: int, width: int) -> int:
        """FLOP of one picture of that size (a multiply-add counts as two)."""

    def fold(self, *, over_planes: bool) -> None:
        """Turn the loaded parameters, still in full precision, into what `run` needs. `over_planes` is
        what the device prefers."""

    def map_bytes(self, height: int, width: int, itemsize: int, band_px: int) -> int:
        """Bytes that stay allocated while one picture of that size runs in bands of that many pixels."""

    def run(self, x: Tensor, band_px: int, sink: Sink) -> Pieces:
        """Upscale `x`, a (1, 3, H, W) tensor in 0…1, handing finished rows to `sink` in order."""


class FeatureMap:
    """A (1, C, H, W) activation in channels_last with a row of zeros above and below.

    The zero rows make every band alike: its context is a view, at the edge as in the middle, so a
    band costs no copy and computes what the whole map would.
    """

    def __init__(self, channels: int, height: int, width: int, like: Tensor, *, margin: int = 0) -> None:
        """`margin` columns of zeros stand left and right, too."""
        shape = (1, channels, height + 2, width + 2 * margin)
        self._padded = torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)
        self._columns = slice(margin, margin + width)
        for edge in (self._padded[:, :, :1], self._padded[:, :, -1:], *columns_beside(self._padded, margin)):
            edge.zero_()

    def rows(self, band: Band) -> Tensor:
        """View of the band's own rows, without the margin."""
        return self._padded[:, :, band.start + 1 : band.stop + 1, self._columns]

    def context(self, band: Band) -> Tensor:
        """View of the band's rows and one more on each side, with the margin."""
        return self._padded[:, :, band.start : band.stop + 2]


def columns_beside(padded: Tensor, margin: int) -> tuple[Tensor, Tensor]:
    """Views of the `margin` columns at the left and at the right."""
    return padded[..., :margin], padded[..., padded.shape[-1] - margin :]


def conv_flop(conv: nn.Conv2d, px: int) -> int:
    return 2 * conv.weight.numel() * px


def conv_band(conv: nn.Conv2d, context: Tensor) -> Tensor:
    """Convolve rows that bring their vertical context with them; zeros stand left and right."""
    return F.conv2d(context, conv.weight, conv.bias, padding=(0, 1))


def conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, 1, 1)
