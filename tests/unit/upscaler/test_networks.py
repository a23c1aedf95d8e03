"""The networks, walked in bands, against the plain forward of the papers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upscaler.geometry import Band
from upscaler.networks import tail
from upscaler.networks.rrdbnet import RRDBNet
from upscaler.networks.srvgg import SRVGGNetCompact


def srvgg() -> nn.Module:
    return SRVGGNetCompact(features=16, depth=3, native_scale=4)


def rrdb(unshuffle: int = 1) -> nn.Module:
    return RRDBNet(features=16, depth=2, growth=8, unshuffle=unshuffle)


def rrdb_2x() -> nn.Module:
    return rrdb(unshuffle=2)


def wide_srvgg() -> nn.Module:
    return SRVGGNetCompact(features=64, depth=2, native_scale=4)


def wide_rrdb() -> nn.Module:
    return RRDBNet(features=64, depth=1, growth=32, unshuffle=1)


NETWORKS = [srvgg, rrdb, rrdb_2x]


def placed(build, *, over_planes: bool = False) -> nn.Module:
    torch.manual_seed(1)
    network = build()
    network.to(memory_format=torch.channels_last).fold(over_planes=over_planes)
    return network.requires_grad_(False)


def plain(build) -> nn.Module:
    """The same network as it was loaded, for the textbook's forward."""
    torch.manual_seed(1)
    return build().to(memory_format=torch.channels_last).requires_grad_(False)


def random_input(height: int, width: int) -> Tensor:
    x = torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(2))
    return x.contiguous(memory_format=torch.channels_last)


def run(network, x: Tensor, band_px: int) -> tuple[Tensor, list[int]]:
    """The assembled output, having seen that its rows came in order; and the FLOP of each piece."""
    parts: list[Tensor] = []

    def sink(band: Band, rows: Tensor) -> None:
        assert band.start == sum(part.shape[2] for part in parts)
        assert band.rows == rows.shape[2]
        parts.append(rows.clone())

    flop = list(network.run(x, band_px, sink))
    return torch.cat(parts, 2), flop


def forward_srvgg(network: SRVGGNetCompact, x: Tensor) -> Tensor:
    y = x
    for layer in network.body:
        y = layer(y)
    return F.pixel_shuffle(y, 4) + F.interpolate(x, scale_factor=4, mode="nearest")


def forward_dense(block, x: Tensor) -> Tensor:
    seen = [x]
    for conv in (block.conv1, block.conv2, block.conv3, block.conv4):
        seen.append(F.leaky_relu(conv(torch.cat(seen, 1)), 0.2))
    return x + 0.2 * block.conv5(torch.cat(seen, 1))


def forward_rrdb(network: RRDBNet, x: Tensor) -> Tensor:
    first = y = network.conv_first(x)
    for block in network.body:
        y = y + 0.2 * forward_dense(block.rdb3, forward_dense(block.rdb2, forward_dense(block.rdb1, y)))
    y = first + network.conv_body(y)
    for conv in (network.conv_up1, network.conv_up2):
        y = F.leaky_relu(conv(F.interpolate(y, scale_factor=2, mode="nearest")), 0.2)
    return network.conv_last(F.leaky_relu(network.conv_hr(y), 0.2))


def forward_rrdb_2x(network: RRDBNet, x: Tensor) -> Tensor:
    return forward_rrdb(network, F.pixel_unshuffle(x, 2))


FORWARDS = {srvgg: forward_srvgg, rrdb: forward_rrdb, rrdb_2x: forward_rrdb_2x}


@pytest.mark.parametrize("over_planes", [False, True])
@pytest.mark.parametrize("build", NETWORKS)
@pytest.mark.parametrize(("height", "width"), [(2, 2), (48, 34), (66, 10)])
def test_run_is_the_plain_forward(build, height, width, over_planes):
    network, x = placed(build, over_planes=over_planes), random_input(height, width)
    expected = FORWARDS[build](plain(build), x)
    assert torch.allclose(run(network, x, 1 << 20)[0], expected, rtol=0, atol=1e-5)
    assert torch.allclose(run(network, x, 1)[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("build", NETWORKS)
@pytest.mark.parametrize("band_px", [1, 300, 700])
def test_banded_equals_whole_but_for_the_last_bit(build, band_px):
    """A convolution of few pixels or odd channels may be summed in another order: oneDNN chooses."""
    network, x = placed(build), random_input(52, 30)
    assert torch.allclose(run(network, x, band_px)[0], run(network, x, 1 << 20)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("build", [wide_srvgg, wide_rrdb])
@pytest.mark.parametrize(("height", "width"), [(72, 60), (61, 90)])
def test_banded_equals_whole_bit_for_bit(build, height, width):
    """At the official widths and bands of thousands of pixels; real bands have tens of thousands."""
    network, x = placed(build), random_input(height, width)
    assert torch.equal(run(network, x, 2048)[0], run(network, x, 1 << 20)[0])


@pytest.mark.parametrize(("height", "width"), [(72, 60), (61, 90)])
def test_banded_equals_whole_bit_for_bit_in_bfloat16(height, width):
    network, x = placed(wide_rrdb, over_planes=True).bfloat16(), random_input(height, width).bfloat16()
    whole = run(network, x, 1 << 20)[0]
    assert torch.equal(run(network, x, 2048)[0], whole)
    assert torch.equal(run(network, x, 700)[0], whole)


@pytest.mark.parametrize("over_planes", [False, True])
def test_the_number_of_threads_changes_nothing(over_planes):
    network, x = placed(wide_rrdb, over_planes=over_planes).bfloat16(), random_input(61, 83).bfloat16()
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 2, 3, 4):
            torch.set_num_threads(number)
            results.append(run(network, x, 1 << 20)[0])
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(result, results[0]) for result in results)


@pytest.mark.parametrize("height", [1, 2, 7, 8, 9, 16, 70])
def test_a_tail_in_bands_is_the_plain_forward(monkeypatch, height):
    monkeypatch.setattr(tail, "BAND_PX", 1)
    network, x = placed(rrdb), random_input(height, 6)
    assert torch.allclose(run(network, x, 1 << 20)[0], forward_rrdb(plain(rrdb), x), rtol=0, atol=1e-5)


def test_folded_kernels_do_what_doubling_and_convolving_do():
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn((5, 3, 3, 3), generator=generator, dtype=torch.float64)
    x = torch.randn((1, 3, 6, 4), generator=generator, dtype=torch.float64)
    expected = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), weight, padding=1)
    kernels, padded = tail.folded(weight), F.pad(x, (1, 1, 1, 1))
    for down in (0, 1):
        for right in (0, 1):
            mine = F.conv2d(padded[:, :, down : down + 7, right : right + 5], kernels[down, right])
            assert torch.allclose(mine, expected[:, :, down::2, right::2], rtol=0, atol=1e-12)


@pytest.mark.parametrize("build", NETWORKS)
@pytest.mark.parametrize("band_px", [1, 400, 1 << 20])
@pytest.mark.parametrize(("height", "width"), [(2, 2), (52, 30), (150, 4)])
def test_the_pieces_add_up_to_the_work_announced(build, band_px, height, width):
    network = placed(build)
    assert sum(run(network, random_input(height, width), band_px)[1]) == network.flop(height, width)


@pytest.mark.parametrize("build", NETWORKS)
def test_smaller_bands_are_more_and_smaller_pieces(build):
    network, x = placed(build), random_input(64, 64)
    coarse, fine = run(network, x, 1 << 20)[1], run(network, x, 1)[1]
    assert len(fine) > len(coarse)
    assert max(fine) <= max(coarse)
