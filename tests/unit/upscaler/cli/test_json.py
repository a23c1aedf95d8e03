"""`--json`: a line for each file, and nothing else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.pictures import encoded, picture
from tests.pngs import a_png, samples
from tests.unit.upscaler.cli.command import HEIGHT, MODEL, WIDTH


def lines(capsys) -> list[dict]:
    shown = capsys.readouterr()
    assert shown.err == ""
    return [json.loads(line) for line in shown.out.splitlines()]


def test_a_line_says_what_was_done(upscale, photo, capsys):
    assert upscale(photo, "--json", "--format", "webp") == 0
    (line,) = lines(capsys)
    data = Path("photo_x4.webp").read_bytes()
    assert set(line.pop("seconds")) == {"decode", "compute", "encode"}
    assert line == {
        "file": "photo.png",
        "output": "photo_x4.webp",
        "model": MODEL,
        "device": "cpu",
        "dtype": "float32",
        "scale": 4,
        "tiles": 1,
        "input": {"width": WIDTH, "height": HEIGHT, "format": "png"},
        "result": {"width": 4 * WIDTH, "height": 4 * HEIGHT, "format": "webp"},
        "file_size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def test_a_line_says_what_was_lost_and_in_what_it_was_computed(upscale, capsys):
    image = picture(1)
    image.putalpha(128)
    image.save("clear.png")
    Path("deep.png").write_bytes(a_png(samples(HEIGHT, WIDTH, 3)))
    assert upscale("clear.png", "deep.png", "--json", "--format", "jpeg", "--dtype", "float32") == 0
    found = {line["file"]: line for line in lines(capsys)}
    assert found["clear.png"]["result"]["alpha"] == "flattened on white"
    assert found["deep.png"]["result"]["depth"] == "reduced to 8 bits"


def test_a_small_memory_budget_means_tiles(upscale, capsys):
    Path("in.png").write_bytes(encoded(picture(1, 60, 50)))
    assert upscale("in.png", "--json", "--memory-budget", "1MB") == 0
    assert lines(capsys)[0]["tiles"] > 1


def test_a_failure_has_the_word_of_the_http_api(upscale, photo, capsys):
    Path("text.png").write_bytes(b"text")
    Path("cut.png").write_bytes(encoded(picture(1, 90, 90))[:500])
    Path("photo_x4.png").touch()
    assert upscale("text.png", "cut.png", photo, "gone.png", "--json", "--quiet") == 1
    assert {line["file"]: (line["code"], line["error"]) for line in lines(capsys)} == {
        "text.png": ("unsupported_image_format", "the file is not a PNG, JPEG or WEBP image"),
        "cut.png": ("invalid_image", "the image is damaged: it is cut off, or its pixels have changed on the way"),
        "photo.png": ("FileExistsError", "photo_x4.png is there already; --overwrite replaces it"),
        "gone.png": ("FileNotFoundError", "No such file or directory"),
    }
