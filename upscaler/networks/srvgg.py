"""SRVGGNetCompact, the network of realesr-animevideov3 and realesr-general-x4v3.

A plain stack of convolutions at input resolution; a pixel shuffle unfolds the last one, and the
nearest-neighbour enlargement of the input is added. All of it runs over the whole picture.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from upscaler.geometry import MIN_BAND_ROWS, Band, bands
from upscaler.networks.maps import FeatureMap, Pieces, Sink, conv3x3, conv_band, conv_flop

RESULT_BYTES = 4 + 1
"""Of a value of the result on its way out: float32, then a byte."""


class SRVGGNetCompact(nn.Module):
    """`depth` convolutions between the first and the last, each but the last followed by a PReLU."""

    def __init__(self, features: int, depth: int, native_scale: int) -> None:
        super().__init__()
        self._features, self._scale = features, native_scale
        layers: list[nn.Module] = [conv3x3(3, features), nn.PReLU(features)]
        for _ in range(depth):
            layers += [conv3x3(features, features), nn.PReLU(features)]
        self.body = nn.ModuleList([*layers, conv3x3(features, 3 * native_scale**2)])

    def flop(self, height: int, width: int) -> int:
        return sum(conv_flop(layer, height * width) for layer in self.body if isinstance(layer, nn.Conv2d))

    def fold(self, *, over_planes: bool) -> None:
        """Nothing to change."""

    def map_bytes(self, height: int, width: int, itemsize: int, band_px: int) -> int:
        px, band = height * width, min(height * width, max(band_px, MIN_BAND_ROWS * width))
        values = 3 * self._scale**2  # of the result, for a pixel of the input
        at_the_end = values * (3 * itemsize + RESULT_BYTES)
        return itemsize * px * (2 * self._features + 3) + band * max(2 * itemsize * self._features, at_the_end)

    def run(self, x: Tensor, band_px: int, sink: Sink) -> Pieces:
        height, width = x.shape[-2:]
        cuts = bands(height, width, band_px)
        source = FeatureMap(3, height, width, x)
        source.rows(Band(0, height)).copy_(x)
        current, following = (FeatureMap(self._features, height, width, x) for _ in range(2))
        layers = list(self.body)
        for conv, prelu in zip(layers[0:-1:2], layers[1:-1:2], strict=True):
            for band in cuts:
                y = conv_band(conv, (source if conv is layers[0] else current).context(band))  # type: ignore[arg-type]
                following.rows(band).copy_(prelu(y))
                yield conv_flop(conv, band.rows * width)  # type: ignore[arg-type]
            current, following = following, current
        yield from self._run_last(x, current, cuts, sink)

    def _run_last(self, x: Tensor, current: FeatureMap, cuts: list[Band], sink: Sink) -> Pieces:
        last: nn.Conv2d = self.body[-1]  # type: ignore[assignment]
        for band in cuts:
            y = F.pixel_shuffle(conv_band(last, current.context(band)), self._scale)
            y += F.interpolate(x[:, :, band.index], scale_factor=self._scale, mode="nearest")
            sink(band.scaled(self._scale), y)
            yield conv_flop(last, band.rows * x.shape[-1])
