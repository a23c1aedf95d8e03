"""What can be known of a file before any work is done: whether it can be enlarged, and where its result goes."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from upscaler.cli.arguments import Arguments
from upscaler.cli.sources import Source
from upscaler.cli.targets import Targets
from upscaler.errors import InvalidPictureError, UnsupportedFormatError
from upscaler.pictures.decoding import Header, probe, sniff
from upscaler.pictures.picture import Format, Limits, check_side, result_format

MAX_FILE_BYTES = 1 << 30
"""Of an input: several times what 25 megapixels of 16 bits need without any compression. Files are read whole."""


@dataclass(frozen=True, slots=True)
class Job:
    """One picture that can be enlarged, as far as its header says."""

    file: Path
    target: Path
    target_format: Format
    header: Header


def checked(source: Source, arguments: Arguments, targets: Targets) -> Job:
    """Raises UpscalerError or OSError, which says why nothing will come of this source."""
    if source.error:
        raise source.error
    header = _header(source.path)
    scale, wanted = arguments.scale, arguments.format
    Limits().check(header.width, header.height, scale)
    check_side(wanted, header.width, header.height, scale)
    target_format = result_format(wanted or header.format, header.width * scale, header.height * scale)
    return Job(source.path, targets.claim(source, target_format), target_format, header)


def _header(path: Path) -> Header:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for, and a device has no end
        raise UnsupportedFormatError("it is not a regular file")
    if found.st_size > MAX_FILE_BYTES:
        raise InvalidPictureError(f"the file has {found.st_size} bytes, more than the {MAX_FILE_BYTES} allowed")
    with path.open("rb") as file:
        sniff(file.read(12))  # before a large file of another kind is read
        return probe(file)
