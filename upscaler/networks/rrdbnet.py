"""RRDBNet, the network of realesrgan-x4plus, x4plus-anime and x2plus.

Wang et al., "ESRGAN" (2018) and "Real-ESRGAN" (2021). The *body* works at input resolution and
runs over the whole picture, so it needs no halo; only the *tail* (tail.py), 16 times as large, runs
in bands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upscaler.geometry import MIN_BAND_ROWS, Band, bands
from upscaler.networks.maps import FeatureMap, Pieces, Sink, conv3x3, conv_band, conv_flop
from upscaler.networks.stack import Stack, in_planes
from upscaler.networks.tail import BAND_PX, MARGIN, SLOPE, Tail, folded

RESIDUAL = 0.2
"""Scales what a dense block adds, and again what an RRDB adds. The former is folded into its last weights;
torch's scaled sum in bfloat16 would also round otherwise at the ends of its vectors, and so make a result
depend on how many threads share the work."""

SUM_BYTES = 4

STRIP_PX, CUDA_STRIP_PX = 4_096, 4 << 20
"""Pixels whose sum is formed at once: on a processor the steps in between then stay in its cache."""


class ResidualDenseBlock(nn.Module):
    """Five convolutions, each of which sees the block's input and all earlier outputs."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(features, growth)
        self.conv2 = conv3x3(features + growth, growth)
        self.conv3 = conv3x3(features + 2 * growth, growth)
        self.conv4 = conv3x3(features + 3 * growth, growth)
        self.conv5 = conv3x3(features + 4 * growth, features)

    @property
    def growing(self) -> tuple[nn.Conv2d, ...]:
        return self.conv1, self.conv2, self.conv3, self.conv4


class RRDB(nn.Module):
    """Three dense blocks with a residual around each and around all."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = ResidualDenseBlock(features, growth)
        self.rdb2 = ResidualDenseBlock(features, growth)
        self.rdb3 = ResidualDenseBlock(features, growth)


class Trunk:
    """The sum that runs through all blocks, in float32: in half precision each of its many additions
    would round away a part of what is added. The stack holds it rounded, for convolutions to see."""

    def __init__(self, stack: Stack, features: int, growth: int, num_bands: int) -> None:
        self._stack, self._features, self._growth = stack, features, growth
        inputs = [self._input(index) for index in range(num_bands)]
        self._sums = [torch.empty_like(rows, dtype=torch.float32) for rows in inputs]
        most_px = STRIP_PX if inputs[0].device.type == "cpu" else CUDA_STRIP_PX
        self._strip_rows = max(1, most_px // inputs[0].shape[-1])

    def begin(self, index: int, y: Tensor) -> None:
        self._sums[index].copy_(in_planes(y, self._growth))
        self._input(index).copy_(self._sums[index])
        self._share(index)

    def pass_on(self, index: int, found: Tensor) -> None:
        """Add what a dense block has found to its input; that is the input of the next."""
        self._input(index).add_(found)
        self._share(index)

    def add(self, index: int, found: Tensor) -> None:
        """The same with the last of an RRDB, and add all that to the sum, scaled as all residuals are."""
        for given, new, total in self._strips(self._input(index), found, self._sums[index]):
            given.copy_(total.add_(given.float().add_(new), alpha=RESIDUAL))
        self._share(index)

    def _strips(self, *maps: Tensor) -> Iterator[tuple[Tensor, ...]]:
        return zip(*(torch.split(rows, self._strip_rows, -2) for rows in maps), strict=True)

    def _input(self, index: int) -> Tensor:
        return self._stack.rows(index, 0, self._features)

    def _share(self, index: int) -> None:
        self._stack.share(index, 0, self._features)


class RRDBNet(nn.Module):
    """Multiplies sides by 4, or by 2 when `unshuffle` first folds 2×2 pixels into channels."""

    def __init__(self, features: int, depth: int, growth: int, unshuffle: int) -> None:
        super().__init__()
        self._features, self._growth, self._unshuffle = features, growth, unshuffle
        self.conv_first = conv3x3(3 * unshuffle**2, features)
        self.body = nn.Sequential(*[RRDB(features, growth) for _ in range(depth)])
        self.conv_body = conv3x3(features, features)
        self.conv_up1 = conv3x3(features, features)
        self.conv_up2 = conv3x3(features, features)
        self.conv_hr = conv3x3(features, features)
        self.conv_last = conv3x3(features, 3)
        self._over_planes = False
        self.register_buffer("_up1_kernels", None, persistent=False)
        self.register_buffer("_up2_kernels", None, persistent=False)

    def fold(self, *, over_planes: bool) -> None:
        """Add up the weights of the two upsamplings that meet the same pixel (tail.py), scale what the
        dense blocks find, and give the weights of the body the shape in which they are used."""
        self._up1_kernels = folded(self.conv_up1.weight.detach())
        self._up2_kernels = folded(self.conv_up2.weight.detach())
        for conv in (m.conv5 for m in self.body.modules() if isinstance(m, ResidualDenseBlock)):
            conv.weight = nn.Parameter(conv.weight.detach() * RESIDUAL)
            conv.bias = nn.Parameter(conv.bias.detach() * RESIDUAL)  # type: ignore[union-attr]
        self._over_planes = over_planes
        if over_planes:
            for conv in self._body_convs():
                weight = in_planes(conv.weight.detach(), self._growth)
                conv.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last_3d))

    def flop(self, height: int, width: int) -> int:
        px = height * width // self._unshuffle**2
        in_body = [self.conv_first, *self._body_convs()]
        return sum(conv_flop(conv, px) for conv in in_body) + self._tail_flop(px)

    def map_bytes(self, height: int, width: int, itemsize: int, band_px: int) -> int:
        px, width = height * width // self._unshuffle**2, width // self._unshuffle
        stacked = self._features + 4 * self._growth
        band, tail_band = (min(px, max(most, MIN_BAND_ROWS * width)) for most in (band_px, BAND_PX))
        margins = 2 * width * -(-px // max(1, band)) * stacked
        in_body = px * (stacked + self._features + self.conv_first.in_channels) + margins + 2 * band * stacked
        return itemsize * (in_body + 3 * 16 * tail_band * self._features) + SUM_BYTES * px * self._features

    def run(self, x: Tensor, band_px: int, sink: Sink) -> Pieces:
        if self._unshuffle > 1:
            x = F.pixel_unshuffle(x, self._unshuffle).contiguous(memory_format=torch.channels_last)
        height, width = x.shape[-2:]
        features = FeatureMap(self._features, height, width, x, margin=MARGIN)
        yield from self._run_body(x, features, bands(height, width, band_px))
        yield from Tail(self, (self._up1_kernels, self._up2_kernels), features, x).run(sink)

    def _run_body(self, x: Tensor, features: FeatureMap, cuts: list[Band]) -> Pieces:
        """Fill `features` with what the tail upsamples: the first convolution plus the trunk."""
        height, width = x.shape[-2:]
        source = FeatureMap(x.shape[1], height, width, x)
        source.rows(Band(0, height)).copy_(x)
        stack = Stack(self._features + 4 * self._growth, self._growth, cuts, width, x, over_planes=self._over_planes)
        trunk = Trunk(stack, self._features, self._growth, len(cuts))
        for index, band in enumerate(cuts):
            y = conv_band(self.conv_first, source.context(band))
            features.rows(band).copy_(y)
            trunk.begin(index, y)
            yield conv_flop(self.conv_first, band.rows * width)
        for block in self.body:
            for dense, finish in ((block.rdb1, trunk.pass_on), (block.rdb2, trunk.pass_on), (block.rdb3, trunk.add)):
                yield from _run_dense(dense, stack, cuts, finish)  # type: ignore[arg-type]
        for index, band in enumerate(cuts):
            in_planes(features.rows(band), self._growth).add_(stack.convolve(self.conv_body, index))
            yield conv_flop(self.conv_body, band.rows * width)

    def _body_convs(self) -> list[nn.Conv2d]:
        """All that read a Stack."""
        return [*(m for m in self.body.modules() if isinstance(m, nn.Conv2d)), self.conv_body]

    def _tail_flop(self, px: int) -> int:
        at_4x = (self.conv_up2, self.conv_hr, self.conv_last)
        return conv_flop(self.conv_up1, 4 * px) + sum(conv_flop(conv, 16 * px) for conv in at_4x)


def _run_dense(
    block: ResidualDenseBlock, stack: Stack, cuts: list[Band], finish: Callable[[int, Tensor], None]
) -> Pieces:
    """One dense block layer by layer: the layer below is complete, so a band's context is exact.

    `finish` writes what is found over the block's input, so it takes a band when the next one, which
    sees its last row, has been convolved.
    """
    start = block.conv1.in_channels
    for conv in block.growing:
        stop = start + conv.out_channels
        for index, band in enumerate(cuts):
            y = stack.convolve(conv, index)
            torch.ops.aten.leaky_relu.out(y, SLOPE, out=stack.rows(index, start, stop))
            stack.share(index, start, stop)
            yield conv_flop(conv, band.rows * y.shape[-1])
        start = stop
    before: Tensor | None = None
    for index, band in enumerate(cuts):
        found = stack.convolve(block.conv5, index)
        if before is not None:
            finish(index - 1, before)
        yield conv_flop(block.conv5, band.rows * found.shape[-1])
        before = found
    finish(len(cuts) - 1, found)
