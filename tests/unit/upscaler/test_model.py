"""A Model: tiles and whole agree, memory is respected, and what goes wrong is put right."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.unit.upscaler.doubles import GreedyNetwork, cpu, drained, enlarged, noise, repeated
from upscaler.errors import DeviceError, WeightsError
from upscaler.model import Model, build_network


def planned_with(model: Model, budget_bytes: int) -> Model:
    """The same under another memory budget."""
    other = copy.copy(model)
    other.device = replace(model.device, memory_budget_bytes=budget_bytes)
    return other


def tiny(catalogue, name: str, budget_bytes: int = 1 << 30, **shape: int) -> Model:
    """A small network with random weights in the place of the model called `name`."""
    torch.manual_seed(3)
    spec = replace(catalogue[name], features=8, depth=2, growth=4 if catalogue[name].growth else 0, **shape)
    return Model(spec, build_network(spec), cpu(budget_bytes=budget_bytes))


def needs(model: Model, height: int, width: int) -> int:
    return model._map_bytes(height, width, model.device.dtype)


def difference(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (3, 3), (17, 64)])
def test_any_shape_is_enlarged_fourfold(animevideo, shape):
    result = enlarged(animevideo.upscale(noise(*shape)))
    assert result.shape == (4 * shape[0], 4 * shape[1], 3)
    assert result.dtype == np.uint8


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (3, 5), (30, 41)])
def test_a_model_of_native_scale_2_takes_odd_sides(catalogue, shape):
    model = tiny(catalogue, "realesrgan-x2plus")
    yielded, result = drained(model.upscale(noise(*shape)))
    assert result.shape == (2 * shape[0], 2 * shape[1], 3)
    assert sum(yielded) == model.flop(*shape)


def test_the_same_picture_gives_the_same_pixels(animevideo):
    pixels = noise(20, 30)
    before = pixels.copy()
    assert np.array_equal(enlarged(animevideo.upscale(pixels)), enlarged(animevideo.upscale(pixels)))
    assert np.array_equal(pixels, before)


def test_tiles_with_an_exact_halo_equal_the_whole(animevideo):
    pixels = noise(120, 90)
    tiled = planned_with(animevideo, needs(animevideo, 70, 70))
    assert len(tiled.plan(120, 90)) > 2
    assert difference(enlarged(tiled.upscale(pixels)), enlarged(animevideo.upscale(pixels))) <= 1


def test_tiles_of_a_dense_network_differ_invisibly(packaged):
    """Noise is the worst that a halo of 48 can meet: its far context is all surprises."""
    whole = packaged("realesrgan-x4plus-anime")
    pixels = noise(24, 160)
    tiled = planned_with(whole, needs(whole, 24, 130))
    assert len(tiled.plan(24, 160)) == 2
    assert difference(enlarged(tiled.upscale(pixels)), enlarged(whole.upscale(pixels))) <= 2


@pytest.mark.parametrize("shape", [(60, 50), (31, 97), (250, 9)])
@pytest.mark.parametrize("name", ["realesr-animevideov3", "realesrgan-x4plus", "realesrgan-x2plus"])
def test_the_pieces_of_all_tiles_add_up_to_the_work_announced(catalogue, name, shape):
    model = tiny(catalogue, name, budget_bytes=150_000, halo_px=4)
    assert len(model.plan(*shape)) > 1
    yielded, _ = drained(model.upscale(noise(*shape)))
    assert sum(yielded) == model.flop(*shape)


@pytest.mark.parametrize("shape", [(400, 300), (3000, 4000), (1, 60_000), (1080, 1920)])
@pytest.mark.parametrize("budget_bytes", [300 << 20, 1 << 30])
@pytest.mark.parametrize("name", ["realesr-animevideov3", "realesrgan-x4plus", "realesrgan-x2plus"])
def test_a_plan_respects_the_budget(catalogue, name, budget_bytes, shape):
    with torch.device("meta"):
        network = build_network(catalogue[name])
    tiles = Model(catalogue[name], network.to_empty(device="cpu"), cpu(budget_bytes=budget_bytes)).plan(*shape)
    assert max(network.map_bytes(tile.seen.height, tile.seen.width, 4, 1 << 16) for tile in tiles) <= budget_bytes
    assert sum(tile.core.height * tile.core.width for tile in tiles) == shape[0] * shape[1]


def greedy(catalogue, max_px: int, budget_px: int, halo_px: int = 2) -> Model:
    """A Model that runs out of memory where there is white. A pixel takes four bytes, it says."""
    spec = replace(catalogue["realesr-animevideov3"], halo_px=halo_px)
    return Model(spec, GreedyNetwork(max_px), cpu(budget_bytes=4 * budget_px))


def test_only_the_tile_that_ran_out_of_memory_is_done_again(catalogue):
    model = greedy(catalogue, max_px=150, budget_px=500)
    pixels = np.minimum(noise(40, 40), 254)
    pixels[35, 35] = 255
    plan = [(tile.seen.height, tile.seen.width) for tile in model.plan(40, 40)]
    assert np.array_equal(enlarged(model.upscale(pixels)), repeated(pixels))
    ran = model._network.sizes
    assert ran[: len(plan)] == plan
    again = ran[len(plan) :]
    assert again
    assert all(height * width <= 250 for height, width in again)  # half of what the failed tile saw, or less
    assert sum(height * width for height, width in again) < 4 * max(height * width for height, width in plan)


def test_tiles_cut_before_the_budget_was_halved_do_not_halve_it_again(catalogue):
    model = greedy(catalogue, max_px=350, budget_px=500)
    pixels = np.full((100, 80, 3), 255, np.uint8)
    assert np.array_equal(enlarged(model.upscale(pixels)), repeated(pixels))
    ran_px = [height * width for height, width in model._network.sizes]
    assert sum(px for px in ran_px if px <= 350) < 2.5 * 100 * 80
    assert len(ran_px) < 150


def test_a_device_without_memory_for_the_smallest_tile_is_an_error(catalogue):
    model = greedy(catalogue, max_px=0, budget_px=500)
    with pytest.raises(DeviceError, match="no memory left"):
        drained(model.upscale(np.full((40, 40, 3), 255, np.uint8)))


def overflowing(catalogue, dtype: torch.dtype) -> Model:
    """A network with values of a million in its middle: too large for float16, fine at its end."""
    torch.manual_seed(4)
    spec = replace(catalogue["realesr-animevideov3"], features=4, depth=1)
    network = build_network(spec)
    with torch.no_grad():
        network.body[0].weight *= 1e6
        network.body[-1].weight *= 1e-6
    return Model(spec, network, cpu(dtype))


def test_a_tile_that_leaves_the_range_of_float16_is_redone_in_float32(catalogue):
    pixels = noise(12, 9)
    expected = enlarged(overflowing(catalogue, torch.float32).upscale(pixels))
    assert np.array_equal(enlarged(overflowing(catalogue, torch.float16).upscale(pixels)), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_weights_that_compute_nonsense_are_an_error(catalogue, dtype):
    model = tiny(catalogue, "realesr-animevideov3")
    with torch.no_grad():
        model._network.body[0].weight[0, 0, 0, 0] = torch.nan
    broken = Model(model.spec, model._network, cpu(dtype))
    with pytest.raises(WeightsError, match="not finite"):
        drained(broken.upscale(noise(12, 9)))


def test_float16_stays_float16_where_it_suffices(catalogue):
    model = tiny(catalogue, "realesr-animevideov3")
    half = Model(model.spec, model._network, cpu(torch.float16))
    pixels = noise(12, 9)
    yielded, result = drained(half.upscale(pixels))
    assert sum(yielded) == half.flop(12, 9)
    assert difference(result, enlarged(model.upscale(pixels))) <= 1
