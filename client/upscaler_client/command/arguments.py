"""What the command line asks for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from upscaler_client.options import Options
from upscaler_client.wire import Origin

URL, NUM_AT_ONCE, PATIENCE_S = "http://localhost:8089", 4, 120.0
ENVIRONMENT = """\
UPSCALER_API_KEY is the key for a service that wants one, UPSCALER_URL its address. No image is overwritten unless
--overwrite says so. Exits with 0 when every file was upscaled, 1 when some were not, 2 when the command line is wrong,
and 130 when it was interrupted: then it cancels its jobs."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The command line, checked."""

    files: Sequence[Path]
    folder: Path
    origin: Origin
    scale: int
    options: Options
    num_at_once: int
    overwrites: bool
    timeout_s: float | None
    patience_s: float
    is_json: bool


def read_arguments(words: Sequence[str] | None = None) -> Arguments:
    """Ends the program with 2 when they make no sense."""
    parser = _parser()
    given = parser.parse_args(words)
    try:
        origin = Origin(given.url, _key(given.key_file))
        given.output.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if not os.access(given.output, os.W_OK):
        parser.error(f"nothing can be written into {given.output}")
    return Arguments(
        files=given.files,
        folder=given.output,
        origin=origin,
        scale=given.scale,
        options=Options(model=given.model, format=given.format, quality=given.quality, metadata=given.metadata),
        num_at_once=given.jobs,
        overwrites=given.overwrite,
        timeout_s=given.timeout,
        patience_s=given.patience,
        is_json=given.json,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("upscale-client", description="Enlarge images by an Upscaler.", epilog=ENVIRONMENT)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="PNG, JPEG or WEBP")
    parser.add_argument("-o", "--output", type=Path, default=Path(), metavar="DIR", help="folder for the results (.)")
    parser.add_argument("--url", default=os.environ.get("UPSCALER_URL") or URL, help=f"the service ({URL})")
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="has the key; instead of UPSCALER_API_KEY")
    parser.add_argument("--scale", type=int, choices=(2, 3, 4), default=4)
    parser.add_argument("--model", help="a name that the service knows (its default)")
    parser.add_argument("--format", choices=("png", "jpeg", "webp"), help="of the results (that of the input)")
    parser.add_argument("--quality", type=int, metavar="1-100", help="of JPEG and WEBP results")
    parser.add_argument("--metadata", choices=("strip", "keep"), help="EXIF and XMP (strip)")
    parser.add_argument("--jobs", type=_positive, default=NUM_AT_ONCE, metavar="N", help=f"at once ({NUM_AT_ONCE})")
    parser.add_argument("--overwrite", action="store_true", help="replace results that are there already")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="give a file up after so long (never)")
    patience = f"give up after so long without an answer ({PATIENCE_S:.0f})"
    parser.add_argument("--patience", type=float, default=PATIENCE_S, metavar="SECONDS", help=patience)
    parser.add_argument("--json", action="store_true", help="write a line of JSON for each file to stdout, and no bars")
    parser.add_argument("--version", action="version", version=version("upscaler-client"))
    return parser


def _positive(word: str) -> int:
    if (number := int(word)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _key(file: Path | None) -> str | None:
    """Never from the command line, which every user of the machine can see."""
    key = file.read_text() if file else os.environ.get("UPSCALER_API_KEY", "")
    return key.strip() or None
