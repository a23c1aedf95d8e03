"""What results are called, what is in them, and what they never do to other files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.pictures import decoded, encoded, picture, png
from tests.pngs import a_png, samples
from tests.unit.upscaler.cli.command import HEIGHT, WIDTH, below, kind_of

BIG = (4 * WIDTH, 4 * HEIGHT)


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [("a.png", "PNG", "a_x4.png"), ("b.JPG", "JPEG", "b_x4.jpg"), ("c.webp", "WEBP", "c_x4.webp")],
)
def test_a_result_lies_beside_its_input_in_the_same_format(upscale, tmp_path, name, kind, target, capsys):
    Path(name).write_bytes(encoded(picture(1), kind))
    assert upscale(name) == 0
    assert below(tmp_path) == {name, target}
    assert kind_of(Path(target)) == (kind, BIG, "RGB")
    shown = capsys.readouterr()
    assert shown.out.startswith(f"{name} -> {target} (0.0 MB, ")
    assert shown.err.startswith("realesr-animevideov3 on cpu in float32: ")


def test_the_ending_is_that_of_what_is_in_the_file(upscale):
    Path("says.jpg").write_bytes(png(1))
    assert upscale("says.jpg") == 0
    assert kind_of(Path("says_x4.png"))[0] == "PNG"


@pytest.mark.parametrize("scale", [2, 3])
def test_the_scale_asked_for_is_the_scale_had(upscale, photo, scale):
    assert upscale(photo, "--scale", scale) == 0
    assert decoded(Path(f"photo_x{scale}.png").read_bytes()).shape == (HEIGHT * scale, WIDTH * scale, 3)


def test_format_quality_and_metadata_are_as_asked(upscale, tmp_path):
    image, exif = picture(1), Image.Exif()
    exif[0x010F] = "A maker"
    image.save("photo.png", exif=exif)
    for quality in (10, 95):
        assert upscale("photo.png", "--format", "jpeg", "--quality", quality, "-o", f"{quality}.jpg") == 0
    assert upscale("photo.png", "--format", "jpeg", "--metadata", "keep") == 0
    assert Path("10.jpg").stat().st_size < Path("95.jpg").stat().st_size
    with Image.open("95.jpg") as stripped, Image.open("photo_x4.jpg") as kept:
        assert (stripped.getexif().get(0x010F), kept.getexif().get(0x010F)) == (None, "A maker")


@pytest.mark.parametrize(("output", "kind"), [("out.png", "PNG"), ("out.JPEG", "JPEG"), ("out.webp", "WEBP")])
def test_the_only_result_may_be_named(upscale, photo, tmp_path, output, kind):
    assert upscale(photo, "-o", output) == 0
    assert below(tmp_path) == {"photo.png", output}
    assert kind_of(Path(output)) == (kind, BIG, "RGB")


@pytest.mark.parametrize("output", ["new/folder", "new.png/"])
def test_a_folder_of_results_is_made(upscale, photo, output):
    assert upscale(photo, "-o", output) == 0
    assert below(Path(output)) == {"photo_x4.png"}


def test_a_format_that_cannot_hold_a_result_becomes_png_unless_it_was_asked_for(upscale, capsys):
    Path("long.webp").write_bytes(encoded(Image.new("RGB", (4100, 1)), "WEBP"))
    assert upscale("long.webp") == 0
    assert kind_of(Path("long_x4.png"))[1] == (16_400, 4)
    assert upscale("long.webp", "--format", "webp") == 1
    assert "more than the 16383 of WEBP" in capsys.readouterr().err


def test_what_a_jpeg_has_no_room_for_is_said(upscale, tmp_path, capsys):
    image = picture(1)
    image.putalpha(picture(2).convert("L"))
    image.save("clear.png")
    Path("deep.png").write_bytes(a_png(samples(HEIGHT, WIDTH, 3)))
    assert upscale("clear.png", "deep.png", "--format", "jpeg") == 0
    losses = set(capsys.readouterr().err.splitlines()[1:])
    assert losses == {"clear_x4.jpg: alpha flattened on white", "deep_x4.jpg: depth reduced to 8 bits"}
    assert upscale("clear.png", "deep.png") == 0
    assert kind_of(Path("clear_x4.png"))[2] == "RGBA"
    assert Path("deep_x4.png").read_bytes()[24] == 16
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_nothing_is_overwritten_nor_computed_in_vain(upscale, photo, capsys):
    Path("photo_x4.png").write_bytes(b"mine")
    assert upscale(photo) == 1
    told = "photo.png: photo_x4.png is there already; --overwrite replaces it\n"
    assert capsys.readouterr().err == told  # and of a model nothing, which was not loaded
    assert Path("photo_x4.png").read_bytes() == b"mine"
    assert upscale(photo, "--overwrite") == 0
    assert kind_of(Path("photo_x4.png"))[1] == BIG


def test_an_input_is_not_overwritten_by_anything(upscale, photo, capsys):
    Path("photo_x4.png").write_bytes(png(2))
    assert upscale(photo, "photo_x4.png", "--overwrite") == 1
    assert "photo.png: photo_x4.png is an input, which is not overwritten\n" in capsys.readouterr().err
    assert Path("photo_x4.png").read_bytes() == png(2)
    assert kind_of(Path("photo_x4_x4.png"))[1] == BIG


@pytest.mark.parametrize("more", [[], ["--overwrite"]], ids=str)
def test_results_of_the_same_name_are_numbered_in_the_order_of_their_inputs(upscale, photo, more):
    Path("other").mkdir()
    Path("other/photo.png").write_bytes(png(2, 16, 16))
    assert upscale(photo, "other/photo.png", photo, "-o", "out", *more) == 0
    sizes = {name: kind_of(Path("out") / name)[1] for name in below(Path("out"))}
    assert sizes == {"photo_x4.png": BIG, "photo_x4-2.png": (64, 64), "photo_x4-3.png": BIG}


def test_a_small_memory_budget_means_the_same_picture(upscale):
    Path("in.png").write_bytes(encoded(picture(1, 60, 50)))
    assert upscale("in.png", "-o", "whole.png") == 0
    assert upscale("in.png", "-o", "tiled.png", "--memory-budget", "1MB") == 0
    whole, tiled = (decoded(Path(name).read_bytes()) for name in ("whole.png", "tiled.png"))
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_weights_of_the_users_own_are_taken(upscale, photo, animevideo):
    torch.save({"params": animevideo._network.state_dict()}, "mine.pth")
    assert upscale(photo, "-o", "mine.png", "--weights", "mine.pth") == 0
    assert upscale(photo, "-o", "theirs.png") == 0
    assert Path("mine.png").read_bytes() == Path("theirs.png").read_bytes()


def test_a_result_has_the_rights_that_the_user_gives_to_new_files(upscale, photo):
    before = os.umask(0o027)
    try:
        assert upscale(photo) == 0
    finally:
        os.umask(before)
    assert Path("photo_x4.png").stat().st_mode & 0o777 == 0o640


def test_quiet_is_quiet(upscale, photo, capsys):
    assert upscale(photo, "--quiet") == 0
    assert capsys.readouterr() == ("", "")
