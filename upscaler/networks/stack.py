"""The maps that the convolutions of a dense block see side by side: its input, then what each has grown."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upscaler.geometry import Band


class Stack:
    """Channels in the order in which they are found; each convolution sees the first few.

    They lie in *planes* of `growth` channels, one map behind the other, so that the first few are one
    piece of memory. A 3-D convolution as deep as they are many sees them there without a copy; a 2-D
    one has to have them gathered first. Which is the faster the device has found out.

    Each band has a stack of its own, with a row above and below: zeros at the edge of the map, else
    the neighbour's nearest row. So every band computes what the whole map would.
    """

    def __init__(
        self, channels: int, growth: int, cuts: Sequence[Band], width: int, like: Tensor, *, over_planes: bool
    ) -> None:
        """Room for `channels` over the bands `cuts` of a map `width` wide, of the dtype and on the device
        of `like`. `over_planes` says that the kernels are those of 3-D convolutions."""
        self._growth, self._over_planes = growth, over_planes
        self._maps = [_empty((1, growth, channels // growth, band.rows + 2, width), like) for band in cuts]
        self._maps[0][..., :1, :].zero_()
        self._maps[-1][..., -1:, :].zero_()
        most_rows = max(band.rows for band in cuts) + 2
        self._gathered = like.new_empty(0 if over_planes else channels * most_rows * width)

    def rows(self, index: int, start: int, stop: int) -> Tensor:
        """View of a band's own rows in the channels from `start` to `stop`: (1, growth, planes, rows, W)."""
        return self._view(index, start, stop)[..., 1:-1, :]

    def share(self, index: int, start: int, stop: int) -> None:
        """Let the neighbours see the outermost of these rows. Whoever writes `rows` does this after."""
        mine = self.rows(index, start, stop)
        if index > 0:
            self._view(index - 1, start, stop)[..., -1:, :] = mine[..., :1, :]
        if index + 1 < len(self._maps):
            self._view(index + 1, start, stop)[..., :1, :] = mine[..., -1:, :]

    def convolve(self, conv: nn.Conv2d, index: int) -> Tensor:
        """What `conv` finds in the channels before its own: (1, growth, planes, rows, W)."""
        seen = self._view(index, 0, conv.in_channels)
        if self._over_planes:
            y = F.conv3d(seen, conv.weight, conv.bias, padding=(0, 0, 1)).squeeze(2)
        else:
            y = F.conv2d(self._gather(seen), conv.weight, conv.bias, padding=(0, 1))
        return in_planes(y, self._growth)

    def _view(self, index: int, start: int, stop: int) -> Tensor:
        return self._maps[index][:, :, start // self._growth : stop // self._growth]

    def _gather(self, seen: Tensor) -> Tensor:
        """The planes side by side as (1, C, rows, W), in one place that is used anew each time: a fresh
        one would cost more than the copying."""
        _, growth, planes, rows, width = seen.shape
        place = self._gathered[: seen.numel()].view(1, rows, width, planes, growth)
        place.copy_(seen.permute(0, 3, 4, 2, 1))
        return place.flatten(3).permute(0, 3, 1, 2)


def _empty(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last_3d)


def in_planes(y: Tensor, growth: int) -> Tensor:
    """A tensor with C channels in its second dimension as one with (growth, C / growth) there; a view."""
    planes: Tensor = y.unflatten(1, (-1, growth))  # type: ignore[no-untyped-call]
    return planes.transpose(1, 2)
