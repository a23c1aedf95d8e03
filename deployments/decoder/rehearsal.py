"""What a zygote does once, so that no child has to: pictures of our own are decoded before any of a stranger's comes.

Codecs import their parts, build their tables and fill their caches when the first picture is there. Every child would
do so again, and then forget it.
"""

from __future__ import annotations

import io

from PIL import Image, ImageCms

from deployments.decoder.wire import to_line, told
from upscaler.pictures.decoding import decode

FORMATS = ("PNG", "JPEG", "WEBP")
MODES = ("RGB", "RGBA", "L")
SIDE = 16
RESOLUTION = 282


def rehearse() -> None:
    """Decode a small picture of every common kind. None of 16 bits: libvips would start threads."""
    for name in FORMATS:
        for mode in MODES:
            if (name, mode) != ("JPEG", "RGBA"):
                to_line(told(decode(_own_picture(name, mode), 4)))


def _own_picture(name: str, mode: str) -> io.BytesIO:
    exif = Image.Exif()
    exif[RESOLUTION] = 72.0
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = io.BytesIO()
    Image.new(mode, (SIDE, SIDE)).save(file, name, exif=exif.tobytes(), icc_profile=profile)
    return file
