"""JPEGs by segments: what decoders get to see, and headers that would keep them busy."""

from __future__ import annotations

import contextlib
import io
import time

import numpy as np
import pytest
from PIL import Image

from tests.pictures import encoded, picture
from tests.unit.upscaler.pictures.files import header, read
from tests.unit.upscaler.pictures.profiles import DISPLAY_P3
from upscaler.errors import InvalidPictureError
from upscaler.pictures.jpeg import MAX_SCANS, MAX_SEGMENTS, take_apart

PLAIN = encoded(picture(1, 40, 30), "jpeg")
KINDS = {
    "plain": PLAIN,
    "gray": encoded(picture(1, 40, 30).convert("L"), "jpeg"),
    "CMYK": encoded(picture(1, 40, 30).convert("CMYK"), "jpeg"),
    "progressive": encoded(picture(1, 40, 30), "jpeg", progressive=True),
    "4:2:0": encoded(picture(1, 40, 30), "jpeg", subsampling="4:2:0"),
    "restarts": encoded(picture(1, 40, 30), "jpeg", restart_marker_blocks=1),
    "several pictures": encoded(picture(1, 40, 30), "mpo", save_all=True, append_images=[picture(2)]),
}


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def behind_the_first(*parts: bytes) -> bytes:
    at = PLAIN.index(b"\xff\xdb")  # behind the first segment
    return PLAIN[:at] + b"".join(parts) + PLAIN[at:]


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("data", KINDS.values(), ids=KINDS)
def test_the_bare_file_has_the_same_pixels(data):
    found = take_apart(data)
    assert (found.width, found.height) == (40, 30)
    assert np.array_equal(pixels(found.bare), pixels(data))
    assert Image.open(io.BytesIO(found.bare)).mode == Image.open(io.BytesIO(data)).mode


def test_profile_exif_and_xmp_are_seen_and_other_segments_are_not():
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    profile = DISPLAY_P3 + bytes(200_000)  # in four segments
    data = encoded(picture(1), "jpeg", icc_profile=profile, exif=exif, xmp=b"<x/>", comment=b"secret")
    found = Image.open(io.BytesIO(take_apart(data[:2] + segment(0xED, b"Photoshop 3.0\0") + data[2:]).bare))
    assert found.info["icc_profile"] == profile
    assert found.getexif()[0x010F] == "Camera"
    assert found.info["xmp"] == b"<x/>"
    assert "comment" not in found.info
    assert "photoshop" not in found.info


HEAVY = {
    "millions of empty segments": b"\xff\xfe\0\2" * (1 << 22),
    "hundreds of full ones": segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 300,
    "fill bytes": b"\xff" * (16 << 20),
    "markers that stand alone": b"\xff\x01" * (1 << 22),
    "bytes of no segment": bytes(16 << 20),
}


@pytest.mark.parametrize("heavy", HEAVY.values(), ids=HEAVY)
def test_a_header_that_would_keep_pillow_busy_is_soon_over(heavy):
    began_at = time.process_time()
    with contextlib.suppress(InvalidPictureError):
        assert header(behind_the_first(heavy)).width == 40
    assert time.process_time() - began_at < 1


@pytest.mark.parametrize("spare", [b"", b"\xff", b"\xff" * 100, b"abc", b"\xff\x01", b"\xff\xd0"])
def test_what_stands_between_segments_is_passed_over(spare):
    assert np.array_equal(read(behind_the_first(spare)).pixels, read(PLAIN).pixels)


def test_as_many_segments_as_are_sensible_are_taken():
    comments = [segment(0xFE, b"x")] * (MAX_SEGMENTS // 2)
    assert np.array_equal(read(behind_the_first(*comments)).pixels, read(PLAIN).pixels)


def test_thousands_of_scans_are_refused():
    data = KINDS["progressive"]
    at = data.rindex(b"\xff\xda")
    scan = data[at:-2]
    assert take_apart(data[:-2] + scan * (MAX_SCANS - 20) + data[-2:])
    with pytest.raises(InvalidPictureError, match="too long"):
        header(data[:-2] + scan * MAX_SCANS + data[-2:])


def test_what_a_scan_may_take_is_bounded_where_markers_are_many():
    began_at = time.process_time()
    with pytest.raises(InvalidPictureError, match="too long"):
        take_apart(PLAIN[:-2] + b"\xff\x01" * 8_000_000)
    assert time.process_time() - began_at < 1


@pytest.mark.parametrize("data", KINDS.values(), ids=KINDS)
def test_nothing_behind_the_end_mark_is_seen_or_counted(data):
    """A phone's moving photo has a video there, of which every 64 kB look like a scan."""
    bare = take_apart(data).bare
    assert bare.endswith(b"\xff\xd9")
    assert take_apart(data + b"PK\3\4 an archive" + b"\xff\xda" * 1000 + PLAIN).bare == bare


def test_a_scan_that_is_cut_off_stays_so():
    assert take_apart(PLAIN[:-20]).bare == take_apart(PLAIN).bare[:-20]
    with pytest.raises(InvalidPictureError):
        read(PLAIN[:-20])


@pytest.mark.parametrize("precision", [0, 12, 16])
def test_other_depths_than_8_bits_are_refused(precision):
    at = PLAIN.index(b"\xff\xc0") + 4
    with pytest.raises(InvalidPictureError, match="not supported"):
        header(PLAIN[:at] + bytes([precision]) + PLAIN[at + 1 :])


@pytest.mark.parametrize("cut", [3, 4, 10, 100, 300])
def test_a_header_that_is_cut_off_is_refused(cut):
    with pytest.raises(InvalidPictureError):
        header(PLAIN[:cut])


def test_sides_of_nothing_are_refused():
    at = PLAIN.index(b"\xff\xc0") + 5
    for sides in (b"\0\0\0\5", b"\0\5\0\0"):
        with pytest.raises(InvalidPictureError):
            header(PLAIN[:at] + sides + PLAIN[at + 4 :])
