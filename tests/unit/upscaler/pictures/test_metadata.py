"""What a file says beside its pixels: dropped, or kept where that is asked for."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from tests.pictures import encoded, picture
from tests.unit.upscaler.pictures.files import FORMATS, HEIGHT, WIDTH, written
from upscaler.pictures.decoding import decode
from upscaler.pictures.metadata import JPEG_XMP_BYTES, ORIENTATION, Metadata, read_metadata

MAKE, X_RESOLUTION, EXIF_IFD, GPS_IFD = 0x010F, 0x011A, 0x8769, 0x8825
ISO, PIXEL_WIDTH, PIXEL_HEIGHT, MAKER_NOTE = 0x8827, 0xA002, 0xA003, 0x927C
LATITUDE = 2
SCALE = 4

XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:t="http://ns.adobe.com/tiff/1.0/" xmlns:a="http://ns.adobe.com/xap/1.0/"
  xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
  t:Orientation="6" exif:PixelXDimension="24" dc:title="Cat">
<t:Orientation>6</t:Orientation><a:Thumbnails><rdf:Alt>small</rdf:Alt></a:Thumbnails>
<dc:creator>Somebody</dc:creator></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def exif(orientation: int = 6) -> Image.Exif:
    said = Image.Exif()
    said[MAKE], said[X_RESOLUTION], said[ORIENTATION] = "Camera", 300.0, orientation
    said.get_ifd(EXIF_IFD).update(
        {ISO: 200, MAKER_NOTE: b"a secret of the maker", PIXEL_WIDTH: WIDTH, PIXEL_HEIGHT: HEIGHT}
    )
    said.get_ifd(GPS_IFD).update({LATITUDE: (47.0, 22.0, 1.5)})
    return said


def photo(name: str, **options: object) -> bytes:
    told: dict[str, object] = {"exif": exif(), "xmp": XMP, "dpi": (300, 150)} | options
    if name == "png":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", str(told.pop("xmp"), "utf-8"))
        told["pnginfo"] = info
    return encoded(picture(1), name, **told)


def result(data: bytes, target=None, scale: int | None = SCALE) -> Image.Image:
    """What becomes of a file, without a model in between."""
    image = Image.open(io.BytesIO(written(decode(io.BytesIO(data), scale), target)))
    image.load()
    return image


PHONE = XMP.replace(
    b'dc:title="Cat"',
    b'dc:title="Cat" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
    b' xmlns:c="http://ns.google.com/photos/1.0/container/" xmlns:x="http://ns.adobe.com/xmp/note/"'
    b' x:HasExtendedXMP="ABC"',
).replace(b"<dc:creator>", b"<c:Directory><rdf:Seq>film</rdf:Seq></c:Directory><dc:creator>")


def test_nothing_is_said_of_films_and_gain_maps_that_do_not_come_along():
    packet = result(photo("jpeg", xmp=PHONE)).info["xmp"]
    assert b"Somebody" in packet
    assert not [word for word in (b"hdrgm", b"1.0/container", b"film", b"HasExtended") if word in packet]


def test_letters_of_any_script_take_the_room_that_they_took():
    text = XMP.decode().replace("Somebody", "\U0010ffff" * 200_000).encode()
    for name in ("png", "webp"):
        kept = decode(io.BytesIO(photo(name, xmp=text)), SCALE).metadata.xmp
        assert len(kept) < len(text) + 1000
    too_much = XMP.decode().replace("Somebody", "\U0010ffff" * 263_000).encode()
    assert decode(io.BytesIO(photo("webp", xmp=too_much)), SCALE).metadata.xmp is None


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_what_is_kept_is_true_of_the_result(source, target):
    kept = result(photo(source), target)
    said = kept.getexif()
    assert said[MAKE] == "Camera"
    assert ORIENTATION not in said
    camera = said.get_ifd(EXIF_IFD)
    assert camera[ISO] == 200
    assert MAKER_NOTE not in camera
    assert (camera[PIXEL_WIDTH], camera[PIXEL_HEIGHT]) == (HEIGHT * SCALE, WIDTH * SCALE)  # it lay on its side
    assert [float(part) for part in said.get_ifd(GPS_IFD)[LATITUDE]] == [47.0, 22.0, 1.5]
    packet = kept.info["xmp"]
    assert b"Somebody" in packet
    assert b':title="Cat"' in packet
    assert b"Dimension" not in packet
    assert b"Orientation" not in packet
    assert b"small" not in packet
    if "webp" not in {source, target}:  # which has no resolution but in EXIF
        assert kept.info["dpi"] == pytest.approx((300, 150), abs=0.5)


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_kept_unless_it_is_asked_for(name):
    kept = result(photo(name), scale=None)
    assert not kept.getexif()
    assert not kept.info.keys() & {"exif", "xmp", "XML:com.adobe.xmp"}
    assert kept.info.get("dpi", (72, 72)) != (300, 150)


def test_a_thumbnail_is_not_kept():
    data = photo("jpeg")
    start = data.index(b"Exif")
    tiff = exif().tobytes()[6:]
    small = encoded(picture(2), "jpeg")
    with_second_ifd = _with_thumbnail(tiff, small)
    size = (2 + 6 + len(with_second_ifd)).to_bytes(2, "big")
    old_size = int.from_bytes(data[start - 2 : start], "big")
    data = data[: start - 2] + size + b"Exif\0\0" + with_second_ifd + data[start - 2 + old_size :]
    assert small in data
    assert small not in written(decode(io.BytesIO(data), SCALE))
    assert result(data).getexif()[MAKE] == "Camera"


def _with_thumbnail(tiff: bytes, small: bytes) -> bytes:
    """A TIFF structure with a second IFD (EXIF 3.0, section 4.5.4) that names a JPEG."""
    order = "big" if tiff[:2] == b"MM" else "little"
    at = int.from_bytes(tiff[4:8], order)
    end = at + 2 + 12 * int.from_bytes(tiff[at : at + 2], order)
    entries = [(0x0201, 4, 1, len(tiff) + 2 + 24 + 4), (0x0202, 4, 1, len(small))]
    ifd = len(entries).to_bytes(2, order)
    for tag, kind, count, value in entries:
        ifd += tag.to_bytes(2, order) + kind.to_bytes(2, order) + count.to_bytes(4, order) + value.to_bytes(4, order)
    return tiff[:end] + len(tiff).to_bytes(4, order) + tiff[end + 4 :] + ifd + bytes(4) + small


@pytest.mark.parametrize("broken", [b"II*\0\xff\xff\xff\xff", b"nonsense", b"MM\0*\0\0\0\x08\xff\xff"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_broken_is_left_out(broken):
    kept = result(photo("jpeg", exif=b"Exif\0\0" + broken))
    assert b"Somebody" in kept.info["xmp"]


@pytest.mark.parametrize("name", FORMATS)
def test_what_has_no_room_is_left_out(name):
    told = Metadata(bytes(70_000), b"x" * (JPEG_XMP_BYTES + 1))
    image = written(replace(decode(io.BytesIO(encoded(picture(1)))), metadata=told), name)
    assert decode(io.BytesIO(image)).width == WIDTH
    assert (b"x" * 1000 in image) == (name != "jpeg")


HOSTILE = {
    "blanks": b" " * (1 << 20),
    "thumbnails that do not end": b"<xmp:Thumbnails>" * 60_000,
    "an element that does not end": b"<tiff:Orientation" * 60_000,
    "depth": b"<a>" * 300_000,
    "depth that ends": b"<a>" * 100_000 + b"</a>" * 100_000,
    "entities": b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>',
    "another encoding": XMP.decode().encode("utf-16"),
    "too much": b"<a>" + b"x" * (1 << 20) + b"</a>",
}


@pytest.mark.parametrize("packet", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.timeout(20)
def test_xmp_that_is_none_is_dropped_and_costs_nothing(packet):
    image = picture(1)
    image.info["xmp"] = packet
    assert read_metadata(image, SCALE).xmp is None


def test_a_resolution_that_no_file_can_hold_is_dropped():
    image = picture(1)
    image.info["dpi"] = (101_600, 101_600)
    assert read_metadata(image, SCALE).dpi is None


def test_exif_without_a_camera_gets_none():
    said = Image.Exif()
    said[MAKE] = "Camera"
    assert dict(result(encoded(picture(1), "JPEG", exif=said)).getexif()) == {MAKE: "Camera"}
