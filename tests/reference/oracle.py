"""Upscale one picture with the original RealESRGANer, to hold our own pixels and speed against.

Runs in the environment that venv.py builds. The picture is a .npy of uint8 (height, width, 3) in RGB, and so is
the result; one JSON line on stdout gives the seconds that `enhance` took and the shape of the result. Everything
that computes is the packages' own code; only modules that inference never uses are left out or stood in for.
"""

import argparse
import contextlib
import importlib.util
import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
import torch

# Their __init__ imports all there is: training, losses, data sets, CUDA extensions, most of it through torchvision.
PASSED_OVER = ("basicsr", "basicsr.archs", "realesrgan")


def import_without_init(package: str) -> None:
    """Let submodules of `package` be imported without running its __init__."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise SystemExit(f"{package} is not installed: run this with the python that venv.py set up")
    sys.modules[package] = importlib.util.module_from_spec(spec)


def stand_in_for_torchvision() -> None:
    """Satisfy two imports of torchvision, which has no build that loads beside this CPU build of torch.

    basicsr.archs.arch_util wants the module itself, for deformable convolutions; basicsr.utils.img_util wants
    `make_grid`, to lay out pictures of a training run. Neither is called here, and either would raise.
    """

    def make_grid(*_args: object, **_kwargs: object) -> NoReturn:
        raise NotImplementedError("a stand-in: inference has no use for make_grid")

    torchvision = ModuleType("torchvision")
    utils = ModuleType("torchvision.utils")
    torchvision.__path__ = []  # marks it as a package, as `import torchvision.utils` demands
    torchvision.utils = utils  # type: ignore[attr-defined]
    utils.make_grid = make_grid  # type: ignore[attr-defined]
    sys.modules.update({"torchvision": torchvision, "torchvision.utils": utils})


def build_network(arguments: argparse.Namespace) -> torch.nn.Module:
    """Return the 4x network that the command line names, with the widths of the official checkpoints."""
    if arguments.arch == "rrdb":
        from basicsr.archs.rrdbnet_arch import RRDBNet

        blocks = arguments.num_block
        network: torch.nn.Module = RRDBNet(3, 3, num_feat=64, num_block=blocks, num_grow_ch=32, scale=4)
    else:
        from realesrgan.archs.srvgg_arch import SRVGGNetCompact

        network = SRVGGNetCompact(3, 3, num_feat=64, num_conv=arguments.num_conv, upscale=4, act_type="prelu")
    return network


def build_upsampler(arguments: argparse.Namespace) -> Any:
    """Return a RealESRGANer in fp32 on the CPU."""
    from realesrgan.utils import RealESRGANer

    return RealESRGANer(
        scale=4,
        model_path=str(arguments.weights),
        model=build_network(arguments),
        tile=arguments.tile,
        pre_pad=0,  # its default, 10, changes pixels near the right and bottom edges
        half=False,
        device=torch.device("cpu"),
    )


def upscale(upsampler: Any, rgb: np.ndarray, outscale: float | None) -> tuple[np.ndarray, float]:
    """Return the upscaled RGB picture and the seconds that `enhance` took."""
    bgr = np.ascontiguousarray(rgb[:, :, ::-1])  # RealESRGANer follows cv2's order of channels
    start = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):  # it prints a line for each tile
        result, _mode = upsampler.enhance(bgr, outscale=outscale)
    seconds = time.perf_counter() - start
    return np.ascontiguousarray(result[:, :, ::-1]), seconds


def load_picture(path: Path) -> np.ndarray:
    """Read the input, and refuse what `enhance` would silently treat as another kind of picture."""
    picture: np.ndarray = np.load(path)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise SystemExit(f"{path}: want uint8 (height, width, 3), not {picture.dtype} {picture.shape}")
    return picture


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", choices=("rrdb", "srvgg"), required=True)
    parser.add_argument("--weights", type=Path, required=True, help="torch.save of {'params': state_dict}")
    parser.add_argument("--num-block", type=int, default=23, help="rrdb: blocks in the body")
    parser.add_argument("--num-conv", type=int, default=16, help="srvgg: convolutions in the body")
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--outscale", type=float, help="final scale, by cv2's Lanczos from the 4x result")
    parser.add_argument("--tile", type=int, default=0, help="side of a tile; 0 takes the picture whole")
    return parser.parse_args()


def main() -> None:
    """Upscale one picture."""
    arguments = parse_arguments()
    for package in PASSED_OVER:
        import_without_init(package)
    stand_in_for_torchvision()
    picture = load_picture(arguments.input)
    result, seconds = upscale(build_upsampler(arguments), picture, arguments.outscale)
    np.save(arguments.output, result)
    print(json.dumps({"seconds": round(seconds, 4), "shape": result.shape}))


if __name__ == "__main__":
    main()
