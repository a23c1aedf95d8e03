"""A Model: a catalogue row with its weights loaded on a device, ready to upscale pixels."""

from __future__ import annotations

import copy
import logging
from collections.abc import Generator
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from upscaler.catalogue import ModelSpec
from upscaler.device import Device
from upscaler.errors import DeviceError, WeightsError
from upscaler.geometry import Band, Region, Tile, smallest_core, tiles
from upscaler.networks.maps import Network
from upscaler.networks.rrdbnet import RRDBNet
from upscaler.networks.srvgg import SRVGGNetCompact
from upscaler.transfer import Pace, Pixels, Receiver, to_tensor
from upscaler.weights import Weights, load_tensors

log = logging.getLogger(__name__)

Pieces = Generator[int, None, Pixels]
"""One picture's way through a model: yields the FLOP of each piece, returns the enlarged pixels."""


class _NotFiniteError(WeightsError):
    """Half precision overflowed somewhere in this tile. In float32 it is the weights that are damaged."""


PRECISE_COST = 2.0
"""How much longer float32 takes than a device's half precision (measured on processors that have bfloat16)."""


class Model:
    """Upscales (H, W, 3) pixels by `spec.native_scale`, those of 16 bits in float32: half precision leaves 23 levels
    of a ramp where float32 gives 4,869. Holds nothing of a picture between passes."""

    def __init__(self, spec: ModelSpec, network: nn.Module, device: Device) -> None:
        self.spec, self.device = spec, device
        self._network = _placed(network, device.torch_device, device.dtype, over_planes=device.over_planes)
        self._loaded = None if device.dtype == torch.float32 else network.float()
        self.num_redone = 0
        """Tiles that left the range of half precision and were computed again in float32."""

    @property
    def _arch(self) -> Network:
        return self._network  # type: ignore[return-value]

    @cached_property
    def _precise(self) -> nn.Module:
        """The network in float32, made when first needed."""
        if self._loaded is None:
            return self._network
        return _placed(self._loaded, self.device.torch_device, torch.float32, over_planes=False)

    @property
    def _unshuffle(self) -> int:
        return 4 // self.spec.native_scale

    def flop(self, height: int, width: int, dtype: torch.dtype | None = None) -> int:
        """What a pass over a picture of that size will yield in all, tiled or not. `dtype` here and below: the
        device's own when left out."""
        return sum(self._arch.flop(*_seen_size(t, self._unshuffle)) for t in self.plan(height, width, dtype))

    def flop_per_s(self, dtype: torch.dtype) -> float:
        """How fast the device is in its own format, or in float32."""
        return self.device.flop_per_s / (1.0 if dtype == self.device.dtype else PRECISE_COST)

    def dtype_for(self, pixels: Pixels) -> torch.dtype:
        """The numeric format that these pixels are computed in."""
        return self.device.dtype if pixels.dtype == np.uint8 else torch.float32

    def plan(self, height: int, width: int, dtype: torch.dtype | None = None) -> list[Tile]:
        """The whole picture as one tile, or the largest tiles that the memory budget allows."""
        whole = Region.whole(height, width)
        return self._cut(whole, whole, self.device.memory_budget_bytes, dtype or self.device.dtype)

    def _cut(self, region: Region, within: Region, budget_bytes: int, dtype: torch.dtype) -> list[Tile]:
        def fits(height: int, width: int) -> bool:
            return self._map_bytes(height, width, dtype) <= budget_bytes

        if region == within and fits(region.height, region.width):
            return [Tile(region, region)]
        return tiles(region, within, self.spec.halo_px, fits, self._unshuffle)

    def bytes_needed(self, height: int, width: int, dtype: torch.dtype | None = None) -> int:
        """Memory that a pass over a picture of that size holds at its peak."""
        seen = [(tile.seen.height, tile.seen.width) for tile in self.plan(height, width, dtype)]
        return max(self._map_bytes(*size, dtype or self.device.dtype) for size in seen)

    def _map_bytes(self, height: int, width: int, dtype: torch.dtype) -> int:
        return self._arch.map_bytes(height, width, dtype.itemsize, self.device.band_px)

    def upscale(self, pixels: Pixels) -> Pieces:
        """Upscale one picture. Every piece is computed on the caller's thread.

        Yields the FLOP of each piece as it is done, `flop(H, W)` in all; more when a tile had to be
        done again. Raises DeviceError when even the smallest tile does not fit the device.
        """
        height, width, _ = pixels.shape
        scale, within, dtype = self.spec.native_scale, Region.whole(height, width), self.dtype_for(pixels)
        result = np.empty((height * scale, width * scale, 3), pixels.dtype)
        budget = self.device.memory_budget_bytes
        waiting = self.plan(height, width, dtype)[::-1]
        while waiting:
            tile = waiting.pop()
            try:
                yield from self._upscale_tile(pixels, tile, result)
            except torch.OutOfMemoryError:
                fitted = False  # acted upon below, where the exception no longer holds the tile's tensors
            else:
                fitted = True
            if not fitted:
                budget = self._halved(budget, tile, dtype)
                waiting += self._cut(tile.core, within, budget, dtype)[::-1]
        return result

    def _halved(self, budget: int, tile: Tile, dtype: torch.dtype) -> int:
        needed = self._map_bytes(tile.seen.height, tile.seen.width, dtype)
        smaller = min(budget, needed // 2)  # tiles that were cut before the budget was halved say nothing new
        if max(tile.core.height, tile.core.width) < 2 * smallest_core(self.spec.halo_px, self._unshuffle):
            raise DeviceError("the device has no memory left for even the smallest tile")
        log.warning("out of memory on %s: redoing a tile within %d MB", self.device.torch_device, smaller >> 20)
        torch.cuda.empty_cache()
        return smaller

    def _upscale_tile(self, pixels: Pixels, tile: Tile, result: Pixels) -> Generator[int]:
        seen, target = pixels[tile.seen.index], result[tile.core.scaled(self.spec.native_scale).index]
        kept, dtype = tile.kept.scaled(self.spec.native_scale), self.dtype_for(pixels)
        network = self._network if dtype == self.device.dtype else self._precise
        try:
            yield from self._run(network, dtype, seen, kept, target)
        except _NotFiniteError:
            if dtype == torch.float32:
                raise
            self.num_redone += 1
            log.info("a tile of %s left the range of %s: redone in float32", self.spec.name, self.device.dtype_name)
            yield from self._run(self._precise, torch.float32, seen, kept, target)

    def _run(
        self, network: nn.Module, dtype: torch.dtype, seen: Pixels, kept: Region, target: Pixels
    ) -> Generator[int]:
        """Run what a tile sees, writing the rows and columns that are kept into `target`."""

        receiver, pace = Receiver(target), Pace(self.device.torch_device)

        def sink(band: Band, rows: Tensor) -> None:
            lines = band.clipped(kept.rows)
            if lines.rows > 0:
                mine = rows[:, :, lines.within(band).index, kept.columns.index]
                receiver.receive(lines.within(kept.rows).index, mine)

        x = to_tensor(seen, self.device.torch_device, dtype, self._unshuffle)
        for flop in network.run(x, self.device.band_px, sink):  # type: ignore[operator]
            pace.piece_queued()
            yield flop
        if not receiver.close():
            raise _NotFiniteError(f"{self.spec.name} computes values that are not finite: its weights are damaged")


def _placed(network: nn.Module, device: torch.device, dtype: torch.dtype, *, over_planes: bool) -> nn.Module:
    copied = copy.deepcopy(network).float().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    copied.fold(over_planes=over_planes)
    placed: nn.Module = copied.to(device, dtype)
    return placed.requires_grad_(False).eval()


def _seen_size(tile: Tile, multiple: int) -> tuple[int, int]:
    return -(-tile.seen.height // multiple) * multiple, -(-tile.seen.width // multiple) * multiple


def build_network(spec: ModelSpec) -> nn.Module:
    """The architecture of a catalogue row, with parameters not yet loaded."""
    if spec.architecture == "rrdbnet":
        return RRDBNet(spec.features, spec.depth, spec.growth, unshuffle=4 // spec.native_scale)
    return SRVGGNetCompact(spec.features, spec.depth, spec.native_scale)


def load_model(spec: ModelSpec, weights: Weights, device: Device) -> Model:
    """Read `weights` into the architecture of `spec`, on `device`.

    Raises WeightsError when the file belongs to another architecture or is damaged.
    """
    network = build_network(spec)
    tensors = load_tensors(weights, list(network.state_dict()))
    try:
        network.load_state_dict(dict(tensors), strict=True)
    except RuntimeError as error:
        raise WeightsError(f"{weights.path.name} does not hold the weights of {spec.name}") from error
    return Model(spec, network, device)
