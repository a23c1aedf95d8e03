"""Entry point of the `upscale` command: arguments, and errors as one sentence.

upscale IN OUT [--scale 2|3|4] [--model NAME] [--device auto|cpu|cuda] [--json]
upscale models [--weights-dir DIR]
upscale models pull NAME [--if-missing] [--weights-dir DIR]
upscale COMMAND …, where another package brings one (the service brings `purge`)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from upscaler.cli.enlarge import Request, enlarge
from upscaler.cli.models import list_models, pull_model
from upscaler.errors import UpscalerError
from upscaler.picture import SCALES
from upscaler.weights import WeightsStore, default_cache_dir

DEFAULT_MODEL = "realesrgan-x4plus"
UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


def parse_bytes(text: str) -> int:
    """A size such as 1GiB, 500MB or 1048576, in bytes."""
    digits = text.rstrip("BbGgIiKkMm")
    try:
        size = int(float(digits) * UNITS[text[len(digits) :].upper()])
    except (ValueError, KeyError, OverflowError):
        size = 0
    if size <= 0:
        raise argparse.ArgumentTypeError(f"not a size: {text} (write 1GiB, 500MB or plain bytes)")
    return size


def _upscale_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="upscale",
        description="Enlarge a picture with Real-ESRGAN.",
        epilog="`upscale models` lists the models, `upscale models pull NAME` fetches one's weights.",
    )
    parser.add_argument("input", type=Path, metavar="IN", help="a PNG, JPEG or WEBP file")
    parser.add_argument("output", type=Path, metavar="OUT", help="its ending chooses the format")
    parser.add_argument("--scale", type=int, choices=SCALES, default=4)
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a name that `upscale models` lists")
    parser.add_argument("--weights", type=Path, help="the model's weights, instead of where they would be found")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    parser.add_argument("--memory-budget", type=parse_bytes, metavar="SIZE", help="what a pass may hold, such as 1GiB")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    return parser


def _models_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="upscale models", description="List the catalogue, or fetch weights.")
    commands = parser.add_subparsers(dest="command")
    pull = commands.add_parser("pull", help="fetch a model's official weights and verify them")
    pull.add_argument("name")
    pull.add_argument("--if-missing", action="store_true", help="only when no weights are found here")
    help_ = "the folder of pulled weights, instead of the usual one"
    parser.add_argument("--weights-dir", type=Path, help=help_)
    pull.add_argument("--weights-dir", type=Path, default=argparse.SUPPRESS, help=help_)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 when done, 1 with one sentence on stderr when not, 2 for wrong arguments."""
    words = list(sys.argv[1:] if argv is None else argv)
    for command in entry_points(group="upscaler.commands", name=words[0]) if words else ():
        return int(command.load()(words[1:]))
    try:
        if words[:1] == ["models"]:
            _models(_models_parser().parse_args(words[1:]))
        else:
            enlarge(Request(**vars(_upscale_parser().parse_args(words))))
    except UpscalerError as error:
        print(f"upscale: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"upscale: {error.filename or 'the disk'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("upscale: interrupted", file=sys.stderr)
        return 130
    return 0


def _models(options: argparse.Namespace) -> None:
    store = WeightsStore(options.weights_dir or default_cache_dir(), {})
    if options.command == "pull":
        pull_model(store, options.name, if_missing=options.if_missing)
    else:
        list_models(store)
