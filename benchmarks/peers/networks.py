"""The networks as their papers write them: one forward, whole maps, concatenations. For the peers alone."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upscaler.catalogue import load_catalogue
from upscaler.model import build_network
from upscaler.networks.rrdbnet import RRDB, ResidualDenseBlock, RRDBNet
from upscaler.weights import Weights, load_tensors


class PlainRRDBNet(nn.Module):
    """The textbook forward over our parameters. (1, 3, H, W) to (1, 3, 4H, 4W); not for unshuffled models."""

    def __init__(self, network: RRDBNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        n = self.network
        first = n.conv_first(x)
        y = first
        for block in n.body:
            y = _rrdb(block, y)  # type: ignore[arg-type]
        y = first + n.conv_body(y)
        for conv in (n.conv_up1, n.conv_up2):
            y = F.leaky_relu(conv(F.interpolate(y, scale_factor=2, mode="nearest")), 0.2)
        result: Tensor = n.conv_last(F.leaky_relu(n.conv_hr(y), 0.2))
        return result


def _rrdb(block: RRDB, x: Tensor) -> Tensor:
    y = x
    for dense in (block.rdb1, block.rdb2, block.rdb3):
        y = _dense(dense, y)
    return x + y * 0.2


def _dense(block: ResidualDenseBlock, x: Tensor) -> Tensor:
    seen = [x]
    for conv in block.growing:
        seen.append(F.leaky_relu(conv(torch.cat(seen, 1)), 0.2))
    y: Tensor = block.conv5(torch.cat(seen, 1))
    return x + y * 0.2


def load(name: str, weights: Path) -> PlainRRDBNet:
    """The model called `name` in float32, from any weights file that the engine reads."""
    network = build_network(load_catalogue()[name])
    network.load_state_dict(dict(load_tensors(Weights(weights, "file"), list(network.state_dict()))))
    assert isinstance(network, RRDBNet)
    return PlainRRDBNet(network).eval().requires_grad_(False)


def parse_arguments() -> argparse.Namespace:
    """The command line that all peers share."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--input", type=Path, required=True, help=".npy of uint8 (height, width, 3)")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()
