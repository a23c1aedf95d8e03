"""What children say is checked: they may be under the command of their picture."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from deployments.decoder.decoder import Decoder
from deployments.decoder.wire import Ask, Bounds, Refused, Seen, Told, check_told, read_picture, to_line, told
from deployments.errors import DecoderError
from tests.pictures import png
from tests.unit.upscaler.pictures.files import read
from upscaler.errors import InvalidPictureError, PictureError, PictureTooLargeError
from upscaler.pictures.picture import Limits

BOUNDS = Bounds(Limits(max_input_px=1000, max_side_px=3000), 4, "png")
WORD = Told(Seen("png", 8, 8, 8, False, 1), False, 0, 0, 0, None, False, ())


def understood(word: bytes, status: int | None = 0) -> Told:
    return Decoder()._understood(Ask(BOUNDS), word, status)


def test_tasks_and_words_come_back_as_they_were():
    ask = Ask(BOUNDS, wants_pixels=True, keeps_metadata=True)
    assert Ask.from_line(ask.to_line()) == ask
    word = told(read(png(1, 8, 8)))
    assert understood(to_line(word)) == word
    with pytest.raises(PictureTooLargeError) as caught:
        understood(to_line(Refused("PictureTooLargeError", "too large", {"width": 3, "height": 2, "limit": 1})))
    assert (caught.value.width, caught.value.height, caught.value.limit) == (3, 2, 1)


WRONG = {
    "no width": {"width": 0},
    "less than no height": {"height": -1},
    "too many pixels": {"width": 1001, "height": 1},
    "absurdly many": {"width": 1 << 40, "height": 1 << 40},
    "too long a side": {"width": 1000, "height": 1},
    "too deep": {"bit_depth": 64},
    "too many passes": {"num_passes": 10**9},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_a_picture_that_cannot_be_is_not_believed(changes):
    with pytest.raises(InvalidPictureError):
        understood(to_line(replace(WORD, seen=replace(WORD.seen, **changes))))


@pytest.mark.parametrize("name", ["icc_bytes", "exif_bytes", "xmp_bytes"])
@pytest.mark.parametrize("size", [-1, 1 << 40])
def test_extras_that_cannot_be_are_not_believed(name, size):
    with pytest.raises(ValueError, match="so long"):
        check_told(replace(WORD, **{name: size}), BOUNDS)


@pytest.mark.parametrize("dpi", [(0, 1), (1, float("nan")), (float("inf"), 1), (1e9, 1)])
def test_resolutions_that_cannot_be_are_not_believed(dpi):
    with pytest.raises(ValueError, match="resolution"):
        check_told(replace(WORD, dpi=dpi), BOUNDS)


@pytest.mark.parametrize("chunk", [("IEND", ""), ("tEXt", "41"), ("gAMA", "00"), ("gAMA", "zz"), ("gäMA", "00000000")])
def test_colour_chunks_that_cannot_be_are_not_believed(chunk):
    with pytest.raises(ValueError, match=r"colour chunks|hexadecimal"):
        check_told(replace(WORD, colour_chunks=(chunk,)), BOUNDS)


@pytest.mark.parametrize("word", [b"", b"{}", b"[]", b"null", b'{"seen": 1}', b"\xff\xfe", json.dumps("x").encode()])
def test_words_of_no_sense_are_the_pictures_fault(word):
    with pytest.raises(InvalidPictureError):
        understood(word)


def test_a_child_that_could_not_do_its_work_is_trouble_of_ours():
    with pytest.raises(DecoderError):
        understood(b"", os.EX_SOFTWARE)


def test_an_error_of_another_name_is_still_one_of_the_picture():
    for name in ("SystemExit", "UpscalerError", "os.system"):
        with pytest.raises(PictureError) as caught:
            understood(to_line(Refused(name, "sentence", {})))
        assert type(caught.value) is InvalidPictureError


def test_less_than_was_told_of_is_not_read_as_a_picture():
    fd = os.memfd_create("test")
    os.write(fd, np.zeros(8 * 8 * 3 - 1, np.uint8).tobytes())
    with pytest.raises(EOFError):
        read_picture(WORD, fd)
    os.close(fd)
