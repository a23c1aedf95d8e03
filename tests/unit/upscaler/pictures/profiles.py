"""Colour profiles made by code, and how far apart two colours look."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable

import numpy as np

GRID = 9
D50 = np.array([0.9642, 1.0, 0.8249])
CURVE = struct.pack(">2H", 0, 65_535)


def cmyk_to_lab(cmyk: np.ndarray) -> np.ndarray:
    """Inks of a made-up press, 0…1, as the Lab that they give: each darkens, black most of all."""
    c, m, y, k = np.moveaxis(np.asarray(cmyk, float), -1, 0)
    light = (1 - 0.32 * c) * (1 - 0.42 * m) * (1 - 0.08 * y) * (1 - 0.85 * k)
    paper = (1 - k) ** 0.8
    a = paper * (-34 * c * (1 - m) + 68 * m * (1 - 0.4 * c) - 4 * y)
    b = paper * (-46 * c * (1 - y) - 4 * m + 84 * y * (1 - 0.2 * c))
    return np.stack([95 * light, a, b], -1)


def cmyk_profile(intent: int = 0) -> bytes:
    """An output profile whose table is `cmyk_to_lab` for perceptual rendering, and another one for the colorimetric
    (ICC.1:2001-04, section 6.5.7, lut16Type). `intent` is the one that its header names."""
    nodes = np.array(list(itertools.product(np.linspace(0, 1, GRID), repeat=4)))
    tables = {b"A2B0": _lut(cmyk_to_lab(nodes)), b"A2B1": _lut(cmyk_to_lab(nodes) * (0.8, 1, 1))}
    profile = assembled(b"prtr", b"CMYK", b"Lab ", tables)
    return profile[:64] + struct.pack(">I", intent) + profile[68:]


def _lut(lab: np.ndarray) -> bytes:
    table = np.stack([lab[:, 0] * 652.8, (lab[:, 1] + 128) * 256, (lab[:, 2] + 128) * 256], -1)
    head = b"mft2" + bytes(4) + struct.pack(">4B", 4, 3, GRID, 0)
    head += struct.pack(">9i", *(65_536 * int(i % 4 == 0) for i in range(9))) + struct.pack(">2H", 2, 2)
    return head + CURVE * 4 + table.round().clip(0, 65_535).astype(">u2").tobytes() + CURVE * 3


def rgb_profile(primaries: tuple[float, ...], gamma: float) -> bytes:
    """A display profile of these XYZ colorants (adapted to D50, three by three) and this gamma."""
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256))
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags = {name: xyz(primaries[3 * i : 3 * i + 3]) for i, name in enumerate(names)}
    return assembled(b"mntr", b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def xyz(values: tuple[float, ...] | np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65_536) for value in values))


def gray_profile() -> bytes:
    return assembled(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": b"curv" + struct.pack(">IIH", 0, 1, 512)})


def assembled(kind: bytes, space: bytes, connected: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"text\0\0\0\0none\0\0\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"made\0" + bytes(78)
    tags = {b"desc": name, b"cprt": text, b"wtpt": xyz(D50), **tags}
    at, table, body = 132 + 12 * len(tags), b"", b""
    for tag, data in tags.items():
        table += tag + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s12s4s", at + len(body), b"", 0x02400000, kind, space, connected, bytes(12), b"acsp")
    head = (head + bytes(28) + xyz(D50)[8:]).ljust(128, b"\0")
    return head + struct.pack(">I", len(tags)) + table + body


DISPLAY_P3 = rgb_profile((0.51512, 0.24120, -0.00105, 0.29198, 0.69225, 0.04189, 0.15710, 0.06657, 0.78407), 2.2)
ADOBE_RGB = rgb_profile((0.60974, 0.31111, 0.01947, 0.20528, 0.62567, 0.06087, 0.14919, 0.06322, 0.74457), 2.2)


def srgb_to_lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB of 0…255 as CIE Lab under D50 (IEC 61966-2-1, adapted by Bradford)."""
    share = np.asarray(rgb, float) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
    t = linear @ np.array(to_xyz).T / D50
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def delta_e(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """ΔE2000 of Lab colours (Sharma, Wu, Dalal, Color Research & Application 30, 2005)."""
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(np.asarray(lab, float), -1, 0) for lab in (one, other))
    seven: Callable[[np.ndarray], np.ndarray] = lambda c: np.sqrt(c**7 / (c**7 + 25.0**7))  # noqa: E731
    g = 0.5 * (1 - seven((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    turn = (h2 - h1 + 180) % 360 - 180
    turn = np.where(c1 * c2 == 0, 0, turn)
    mean_h = np.where(c1 * c2 == 0, h1 + h2, (h1 + turn / 2) % 360)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * _cos(mean_h - 30)
        + 0.24 * _cos(2 * mean_h)
        + 0.32 * _cos(3 * mean_h + 6)
        - 0.2 * _cos(4 * mean_h - 63)
    )
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    light, chroma = (l2 - l1) / s_l, (c2 - c1) / (1 + 0.045 * mean_c)
    hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * mean_c * t)
    rotation = -np.sin(np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2)))) * 2 * seven(mean_c)
    return np.sqrt(light**2 + chroma**2 + hue**2 + rotation * chroma * hue)


def _cos(degrees: np.ndarray) -> np.ndarray:
    return np.cos(np.radians(degrees))
