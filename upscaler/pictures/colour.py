"""What the numbers of pixels mean: profiles that are kept, and numbers that have to be converted.

RGB and gray values are never touched, so their profile goes with them, byte for byte. Files of other kinds of
values (CMYK, Lab) have no counterpart in what we write: they become sRGB, by their own profile.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageCms

from upscaler.pictures.chunks import MAX_EXTRA_BYTES, Chunk

SPACE = slice(16, 20)
RGB, GRAY, LAB, CMYK = b"RGB ", b"GRAY", b"Lab ", b"CMYK"
"""What ICC.1:2022 calls colour spaces, in these bytes of a profile's header."""

FITTING = {"L": (GRAY, RGB), "RGB": (RGB, LAB), "CMYK": (CMYK,)}
"""By Pillow's mode: the spaces of profiles that mean something for it. Cameras tag gray JPEGs with RGB profiles."""

EXACT = ImageCms.Flags.NOOPTIMIZE
"""The tables that littlecms would make instead are up to 2 ΔE off, and hardly faster on photographs."""
INTENTS = frozenset(ImageCms.Intent)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

UNITS, ICC_UNITS = 100_000, 65_536
SRGB_GAMMA = range(45_000, 46_000)
SRGB_CHROMATICITIES = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
NEAR = 100
MOST_XYZ = 4.0
"""Of a primary, where white has 1: primaries nearly on a line would have thousands."""

D50 = (0.9642, 1.0, 0.8249)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def space_of(icc: bytes | None) -> bytes:
    """The kind of values that a profile is about."""
    return (icc or b"")[SPACE]


def fitting_profile(icc: object, mode: str) -> bytes | None:
    """The profile, when values of Pillow's `mode` can be read by it; None for one that is broken or absurdly large."""
    if not isinstance(icc, bytes) or not 0 < len(icc) <= MAX_EXTRA_BYTES or space_of(icc) not in FITTING.get(mode, ()):
        return None
    as_mode = {RGB: "RGB", LAB: "LAB"}.get(space_of(icc), mode)
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        ImageCms.buildTransform(profile, SRGB, as_mode, "RGB", _intent(profile), EXACT)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return icc


def _intent(profile: ImageCms.ImageCmsProfile) -> ImageCms.Intent:
    """The rendering intent that the profile names; the first one where it names none that there is."""
    named = ImageCms.getDefaultIntent(profile)
    return ImageCms.Intent(named) if named in INTENTS else ImageCms.Intent.PERCEPTUAL


def to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """An image of CMYK or Lab values in sRGB, by its profile and the rendering intent that it names; CMYK without
    one by subtraction."""
    if icc is None:
        return image.convert("RGB")
    if space_of(icc) == LAB:
        image = Image.frombytes("LAB", image.size, _lab_bytes(image))
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    converted = ImageCms.profileToProfile(image, profile, SRGB, _intent(profile), "RGB", flags=EXACT)
    if converted is None:
        raise ValueError("the colours could not be converted")
    return converted


def _lab_bytes(image: Image.Image) -> bytes:
    """ICC counts a and b from 0 with the middle at 128; Pillow keeps them signed."""
    return (np.asarray(image) ^ np.array([0, 128, 128], np.uint8)).tobytes()


def profile_for(chunks: tuple[Chunk, ...], *, is_gray: bool) -> bytes | None:
    """An ICC profile that says what a PNG's gAMA and cHRM say, for formats without such chunks. None where that is
    sRGB, or where nothing is said."""
    said: Mapping[bytes, bytes] = dict(chunks)
    if b"sRGB" in said or b"gAMA" not in said:
        return None
    gamma = int.from_bytes(said[b"gAMA"], "big")
    chromaticities = struct.unpack(">8I", said.get(b"cHRM", struct.pack(">8I", *SRGB_CHROMATICITIES)))
    is_srgb = all(abs(a - b) <= NEAR for a, b in zip(chromaticities, SRGB_CHROMATICITIES, strict=True))
    if not gamma or (gamma in SRGB_GAMMA and is_srgb):
        return None
    curve = b"curv" + struct.pack(">IIH", 0, 1, min(65_535, round(256 * UNITS / gamma)))
    if is_gray:
        return _profile(GRAY, {b"kTRC": curve})
    try:
        colorants = _colorants(np.array(chromaticities, float) / UNITS)
    except (np.linalg.LinAlgError, FloatingPointError):
        return None
    if np.abs(colorants).max() > MOST_XYZ:
        return None
    tags = {name: _xyz(xyz) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants.T, strict=True)}
    return _profile(RGB, tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def _colorants(chromaticities: np.ndarray) -> np.ndarray:
    """XYZ of red, green and blue as columns, adapted to D50. From white, red, green, blue as x, y pairs."""
    with np.errstate(all="raise"):
        x, y = chromaticities[::2], chromaticities[1::2]
        columns = np.array([x / y, np.ones(4), (1 - x - y) / y])
        white, primaries = columns[:, 0], columns[:, 1:]
        rgb = primaries * np.linalg.solve(primaries, white)
        gain = (BRADFORD @ np.array(D50)) / (BRADFORD @ white)
        return np.asarray(np.linalg.solve(BRADFORD, np.diag(gain) @ BRADFORD) @ rgb)


def _xyz(xyz: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * ICC_UNITS) for value in xyz))


def _profile(space: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    """A display profile of version 2.4 with these tags and those that it must have (ICC.1:2001-04, section 6.3)."""
    text = b"text\0\0\0\0No copyright\0"
    name = b"gAMA of a PNG"
    desc = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(1 + 4 + 4 + 2 + 1 + 67)
    tags = {b"desc": desc, b"cprt": text, b"wtpt": _xyz(np.array(D50)), **tags}
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for tag, data in tags.items():
        table += tag + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s12s4s", size, b"", 0x02400000, b"mntr", space, b"XYZ ", bytes(12), b"acsp")
    head += bytes(28) + struct.pack(">3i", *(round(value * ICC_UNITS) for value in D50))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
