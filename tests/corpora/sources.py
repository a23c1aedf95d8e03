"""Where the corpora are. They are public, of all kinds of licences, and never part of this repository.

`python -m tests.corpora.sources DIR` brings those that are missing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SOURCES = {
    "pngsuite": "https://github.com/lunapaint/pngsuite",
    "libwebp-test-data": "https://github.com/webmproject/libwebp-test-data",
    "seed-corpora": "https://github.com/libjpeg-turbo/seed-corpora",
    "exif-orientation-examples": "https://github.com/recurser/exif-orientation-examples",
    "exif-samples": "https://github.com/ianare/exif-samples",
    "image-png": "https://github.com/image-rs/image-png",
    "jpeg-decoder": "https://github.com/image-rs/jpeg-decoder",
    "image": "https://github.com/image-rs/image",
    "zune-image": "https://github.com/etemesi254/zune-image",
    "Pillow": "https://github.com/python-pillow/Pillow",
    "libpng": "https://github.com/pnggroup/libpng",
    "libspng": "https://github.com/randy408/libspng",
    "wuffs": "https://github.com/google/wuffs",
    "pocs": "https://github.com/corkami/pocs",
}
"""Folder and repository. The first four are the smallest set that makes sense; the others come from the tests and
fuzzers of decoders."""


def advice(folder: Path) -> str:
    """What to do where the corpora are missing."""
    urls = ", ".join(SOURCES.values())
    return f"There is nothing in {folder}. `make corpora` clones into it, one folder each (git clone --depth 1): {urls}"


def clone(folder: Path) -> None:
    """Those that are not there yet. Raises CalledProcessError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, url in SOURCES.items():
        if not (folder / name).exists():
            subprocess.run(["git", "clone", "--quiet", "--depth", "1", url, folder / name], check=True)


if __name__ == "__main__":
    clone(Path(sys.argv[1]))
