"""What the command line asks for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from upscaler.cli.outcome import printable
from upscaler.pictures.picture import SCALES, Format

if TYPE_CHECKING:
    from upscaler.device import DeviceName, DtypeName

DEFAULT_MODEL, DEFAULT_QUALITY = "realesrgan-x4plus", 95
ENDINGS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
OTHER_ENDINGS = (".avif", ".bmp", ".gif", ".heic", ".jxl", ".tif", ".tiff")
"""Names with these were meant as files, not as folders."""

UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}
USAGE = "%(prog)s [options] FILE_OR_FOLDER... [-o DIR_OR_FILE]"
EPILOG = """\
`upscale models` lists the models, `upscale models pull NAME` fetches one's weights. No file is overwritten unless
--overwrite says so. Exits with 0 when every file was upscaled, 1 when some were not, 2 when the command line is wrong,
and 130 when it was interrupted: what was finished stays."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The command line, checked. Results go into `folder`, or are the one file `name`, or go beside their inputs."""

    inputs: Sequence[Path]
    folder: Path | None
    name: Path | None
    scale: int
    model: str
    format: Format | None
    quality: int
    keeps_metadata: bool
    weights: Path | None
    device: DeviceName
    dtype: DtypeName
    memory_budget_bytes: int | None
    overwrites: bool
    is_json: bool
    is_quiet: bool


class Parser(argparse.ArgumentParser):
    """Words of the command line may be names of files, which may come from elsewhere."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def read_arguments(words: Sequence[str]) -> Arguments:
    """Ends the program with 2 when they make no sense."""
    parser = _parser()
    given = parser.parse_args(words)
    try:
        _check_inputs(given.inputs, given.output)
        name = _name(given.output, given.inputs, given.format)
        folder = None if name or given.output is None else _made(Path(given.output))
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    except ValueError as error:
        parser.error(str(error))
    return Arguments(
        inputs=given.inputs,
        folder=folder,
        name=name,
        scale=given.scale,
        model=given.model,
        format=ENDINGS[name.suffix.lower()] if name else given.format,
        quality=given.quality,
        keeps_metadata=given.metadata == "keep",
        weights=given.weights,
        device=given.device,
        dtype=given.dtype,
        memory_budget_bytes=given.memory_budget,
        overwrites=given.overwrite,
        is_json=given.json,
        is_quiet=given.quiet,
    )


def is_folder(path: Path) -> bool:
    """Whether it is one as far as can be seen: before Python 3.14 `Path.is_dir` may raise."""
    try:
        return path.is_dir()
    except OSError:
        return False


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


def _parser() -> Parser:
    parser = Parser("upscale", usage=USAGE, description="Enlarge pictures with Real-ESRGAN.", epilog=EPILOG)
    add = parser.add_argument
    add("inputs", nargs="+", type=Path, metavar="FILE_OR_FOLDER", help="PNG, JPEG or WEBP, or folders with such")
    output = "folder for the results (that of the input), or the name of the only one"
    add("-o", "--output", metavar="DIR_OR_FILE", help=output)
    add("--scale", type=int, choices=SCALES, default=4)
    add("--model", default=DEFAULT_MODEL, help=f"a name that `upscale models` lists ({DEFAULT_MODEL})")
    add("--format", choices=("png", "jpeg", "webp"), help="of the results (that of the input)")
    add("--quality", type=_quality, default=DEFAULT_QUALITY, metavar="1-100", help="of JPEG and WEBP results (95)")
    add("--metadata", choices=("strip", "keep"), help="EXIF and XMP (strip)")
    add("--overwrite", action="store_true", help="replace results that are there already")
    add("--weights", type=Path, metavar="FILE", help="the model's weights, instead of where they would be found")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    add("--memory-budget", type=parse_bytes, metavar="SIZE", help="what a pass may hold, such as 1GiB")
    add("--json", action="store_true", help="write a line of JSON for each file to stdout, and no bars")
    add("--quiet", action="store_true", help="say nothing but what fails")
    add("--version", action="version", version=version("upscaler"))
    return parser


def _quality(word: str) -> int:
    if not 1 <= (number := int(word)) <= 100:
        raise argparse.ArgumentTypeError("must be from 1 to 100")
    return number


def _check_inputs(inputs: Sequence[Path], output: str | None) -> None:
    if output is None and any(is_folder(path) for path in inputs):
        raise ValueError("the results of a folder need a place: -o DIR")
    if output is None and len(inputs) == 2 and inputs[0].is_file() and not os.path.lexists(inputs[1]):
        source, target = inputs
        raise ValueError(f"there is no file {target}; to name the result so, write upscale {source} -o {target}")


def _name(output: str | None, inputs: Sequence[Path], wanted: Format | None) -> Path | None:
    """The one result's name, where `-o` is not a folder. Raises ValueError when it cannot be that."""
    path = Path(output or "")
    ending = path.suffix.lower()
    if output is None or output.endswith(("/", os.sep)) or is_folder(path) or ending not in (*ENDINGS, *OTHER_ENDINGS):
        return None
    if ending in OTHER_ENDINGS:
        raise ValueError(f"{path} does not end in .png, .jpg, .jpeg or .webp")
    if len(inputs) > 1 or is_folder(inputs[0]):
        raise ValueError(f"{path} is the name of one file; more than one result needs a folder: -o DIR")
    if wanted not in (None, ENDINGS[ending]):
        raise ValueError(f"--format {wanted} contradicts the ending of {path}")
    if not is_folder(path.parent):
        raise ValueError(f"there is no folder {path.parent}")
    return path


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise ValueError(f"nothing can be written into {folder}")
    return folder
