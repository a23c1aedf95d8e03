"""RRDBNet, the network of realesrgan-x4plus, x4plus-anime and x2plus.

Wang et al., "ESRGAN" (2018) and "Real-ESRGAN" (2021). The *body* works at input resolution and
runs over the whole picture, so it needs no halo; only the *tail* (tail.py), 16 times as large, runs
in bands.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upscaler.geometry import MIN_BAND_ROWS, Band, bands
from upscaler.networks.maps import FeatureMap, Joined, Pieces, Sink, conv3x3, conv_band, conv_flop
from upscaler.networks.tail import BAND_PX, SLOPE, Tail, folded

RESIDUAL = 0.2
SUM_BYTES = 4


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
    would round away a part of what is added. `map` is the same, rounded, for convolutions to see."""

    def __init__(self, features: int, height: int, width: int, like: Tensor) -> None:
        shape = (1, features, height, width)
        self._sum = torch.empty(shape, device=like.device, memory_format=torch.channels_last)
        self.map = FeatureMap(features, height, width, like)

    def begin(self, band: Band, y: Tensor) -> None:
        self._sum[:, :, band.index] = y
        self.map.rows(band).copy_(y)

    def add(self, band: Band, y: Tensor) -> None:
        """Add what a block has found, scaled as all residuals are."""
        rows = self._sum[:, :, band.index].add_(y, alpha=RESIDUAL)
        self.map.rows(band).copy_(rows)


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
        self.register_buffer("_up1_kernels", None, persistent=False)
        self.register_buffer("_up2_kernels", None, persistent=False)

    def fold(self) -> None:
        """Add up the weights of the two upsamplings that meet the same pixel (tail.py)."""
        self._up1_kernels = folded(self.conv_up1.weight.detach())
        self._up2_kernels = folded(self.conv_up2.weight.detach())

    def flop(self, height: int, width: int) -> int:
        px = height * width // self._unshuffle**2
        in_body = [self.conv_first, self.conv_body, *(m for m in self.body.modules() if isinstance(m, nn.Conv2d))]
        return sum(conv_flop(conv, px) for conv in in_body) + self._tail_flop(px)

    def map_bytes(self, height: int, width: int, itemsize: int, band_px: int) -> int:
        px, width = height * width // self._unshuffle**2, width // self._unshuffle
        body_channels = 4 * self._features + 4 * self._growth + self.conv_first.in_channels
        joined_channels = self._features + 4 * self._growth
        band, tail_band = (min(px, max(most, MIN_BAND_ROWS * width)) for most in (band_px, BAND_PX))
        in_body = px * body_channels + 2 * band * joined_channels
        return itemsize * (in_body + 3 * 16 * tail_band * self._features) + SUM_BYTES * px * self._features

    def run(self, x: Tensor, band_px: int, sink: Sink) -> Pieces:
        if self._unshuffle > 1:
            x = F.pixel_unshuffle(x, self._unshuffle).contiguous(memory_format=torch.channels_last)
        height, width = x.shape[-2:]
        features = FeatureMap(self._features, height, width, x)
        yield from self._run_body(x, features, bands(height, width, band_px))
        yield from Tail(self, (self._up1_kernels, self._up2_kernels), features, x).run(sink)

    def _run_body(self, x: Tensor, features: FeatureMap, cuts: list[Band]) -> Pieces:
        """Fill `features` with what the tail upsamples: the first convolution plus the trunk."""
        height, width = x.shape[-2:]
        source = FeatureMap(x.shape[1], height, width, x)
        source.rows(Band(0, height)).copy_(x)
        trunk = Trunk(self._features, height, width, x)
        spare = [FeatureMap(self._features, height, width, x) for _ in range(2)]
        grown = [FeatureMap(self._growth, height, width, x) for _ in range(4)]
        joined = Joined(self._features + 4 * self._growth, max(band.rows for band in cuts), width, x)
        for band in cuts:
            y = conv_band(self.conv_first, source.context(band))
            features.rows(band).copy_(y)
            trunk.begin(band, y)
            yield conv_flop(self.conv_first, band.rows * width)
        for block in self.body:
            yield from _run_rrdb(block, trunk, spare, grown, joined, cuts)  # type: ignore[arg-type]
        for band in cuts:
            features.rows(band).add_(conv_band(self.conv_body, trunk.map.context(band)))
            yield conv_flop(self.conv_body, band.rows * width)

    def _tail_flop(self, px: int) -> int:
        at_4x = (self.conv_up2, self.conv_hr, self.conv_last)
        return conv_flop(self.conv_up1, 4 * px) + sum(conv_flop(conv, 16 * px) for conv in at_4x)


def _run_rrdb(
    block: RRDB, trunk: Trunk, spare: list[FeatureMap], grown: list[FeatureMap], joined: Joined, cuts: list[Band]
) -> Pieces:
    """One RRDB, its result added to its input, the `trunk`."""
    first, second = spare

    def onto(target: FeatureMap, source: FeatureMap) -> Callable[[Band, Tensor], None]:
        def finish(band: Band, y: Tensor) -> None:
            torch.add(source.rows(band), y, alpha=RESIDUAL, out=target.rows(band))

        return finish

    def close(band: Band, y: Tensor) -> None:
        trunk.add(band, torch.add(second.rows(band).float(), y, alpha=RESIDUAL))

    yield from _run_dense(block.rdb1, trunk.map, grown, joined, cuts, onto(first, trunk.map))
    yield from _run_dense(block.rdb2, first, grown, joined, cuts, onto(second, first))
    yield from _run_dense(block.rdb3, second, grown, joined, cuts, close)


def _run_dense(
    block: ResidualDenseBlock,
    source: FeatureMap,
    grown: list[FeatureMap],
    joined: Joined,
    cuts: list[Band],
    finish: Callable[[Band, Tensor], None],
) -> Pieces:
    """One dense block layer by layer: the layer below is complete, so a band's context is exact."""
    for layer, conv in enumerate(block.growing):
        for band in cuts:
            y = conv_band(conv, joined.of([source, *grown[:layer]], band))
            grown[layer].rows(band).copy_(F.leaky_relu_(y, SLOPE))
            yield conv_flop(conv, band.rows * y.shape[3])
    for band in cuts:
        y = conv_band(block.conv5, joined.of([source, *grown], band))
        finish(band, y)
        yield conv_flop(block.conv5, band.rows * y.shape[3])
