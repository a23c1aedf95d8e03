"""Metadata: what a file says beside its pixels and their colours, for those who want it kept."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from PIL import Image

from upscaler.pictures.chunks import MAX_EXTRA_BYTES

JPEG_EXIF_BYTES, JPEG_XMP_BYTES = 65_527, 65_504
"""What fits into one segment of a JPEG (EXIF 3.0, section 4.7.2; XMP part 3, section 1.1.3)."""

EXIF_HEAD = b"Exif\0\0"
ORIENTATION = 0x0112
EXIF_IFD = 0x8769
WIDTHS, HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)

MAKER_NOTE = 0x927C
"""Whatever the camera's maker wants to say, in a form of his own: often another picture."""
MAX_DPI = 65_535

EXIF_XMP, TIFF_XMP, XMP = (f"{{http://ns.adobe.com/{name}/1.0/}}" for name in ("exif", "tiff", "xap"))
STALE_XMP = {
    *(EXIF_XMP + name for name in ("PixelXDimension", "PixelYDimension")),
    *(TIFF_XMP + name for name in ("Orientation", "ImageWidth", "ImageLength")),
    XMP + "Thumbnails",
}
"""What is no longer true of the result: its size, how it is turned, and what it looks like small."""

OTHER_PICTURES = tuple(
    f"{{http://ns.{name}/}}"
    for name in ("adobe.com/hdr-gain-map/1.0", "google.com/photos/1.0/container", "google.com/photos/1.0/camera",
                 "adobe.com/xmp/note", "apple.com/HDRGainMap/1.0")
)  # fmt: skip
"""What phones say of the films, depth and gain maps that they put behind a photograph, and which do not come along."""

STALE_EXIF = (0x0103, 0x0106, 0xC4A5)
"""Compression and kind of the numbers, and a printer's notes on them."""

INTEROPERABILITY = 0xA005
PACKET = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>%s<?xpacket end="w"?>'


@dataclass(frozen=True, slots=True)
class Metadata:
    """`exif` a TIFF structure without its head, upright and without a thumbnail; `xmp` a packet; `dpi` pixels
    per inch, across and down."""

    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None

    def for_jpeg(self) -> Metadata:
        """What of it a JPEG has room for."""
        exif = self.exif if self.exif and len(self.exif) <= JPEG_EXIF_BYTES else None
        xmp = self.xmp if self.xmp and len(self.xmp) <= JPEG_XMP_BYTES else None
        return Metadata(exif, xmp, self.dpi)


def read_metadata(image: Image.Image, scale: int) -> Metadata:
    """Of an image that has been loaded, to be kept with its enlargement by `scale`. What is broken is left out."""
    return Metadata(_exif(image, scale), _xmp(image), _dpi(image))


def _exif(image: Image.Image, scale: int) -> bytes | None:
    try:
        exif = image.getexif()
        turned = exif.pop(ORIENTATION, 1) in range(5, 9)
        camera = exif.get_ifd(EXIF_IFD) if EXIF_IFD in exif else {}
        for names, tags in ((STALE_EXIF, exif), ((MAKER_NOTE, INTEROPERABILITY), camera)):
            for name in names:
                tags.pop(name, None)
        for tags in (exif, camera):
            for names, size in ((WIDTHS, image.size[turned]), (HEIGHTS, image.size[not turned])):
                for name in names:
                    if name in tags:
                        tags[name] = size * scale
        data = exif.tobytes().removeprefix(EXIF_HEAD) if len(exif) else None  # without the second IFD, the thumbnail
    except Exception:  # noqa: BLE001 - broken EXIF is dropped, not fatal
        return None
    return data if data and len(data) <= MAX_EXTRA_BYTES else None


def _xmp(image: Image.Image) -> bytes | None:
    packet = image.info.get("xmp")
    try:
        text = packet if isinstance(packet, str) else bytes(packet or b"").decode()
        if not text or len(text) > MAX_EXTRA_BYTES or "<!DOCTYPE" in text:
            return None
        tree = ET.fromstring(text.strip("\ufeff\0 \t\r\n"))  # noqa: S314 - it has no entities of its own
        for element in tree.iter():
            for name in filter(_is_stale, list(element.keys())):
                del element.attrib[name]
            for child in [child for child in element if _is_stale(child.tag)]:
                element.remove(child)
        kept = PACKET % ET.tostring(tree, encoding="unicode").encode()
        return kept if len(kept) <= MAX_EXTRA_BYTES else None
    except Exception:  # noqa: BLE001 - broken XMP is dropped, not fatal
        return None


def _is_stale(name: str) -> bool:
    return name in STALE_XMP or str(name).startswith(OTHER_PICTURES)


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across <= MAX_DPI and 0 < down <= MAX_DPI else None
