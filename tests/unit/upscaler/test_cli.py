"""The `upscale` command, in this process."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.pictures import decoded, encoded, picture
from upscaler.cli.main import main, parse_bytes
from upscaler.weights import Weights, WeightsStore

MODEL = "realesr-animevideov3"
WIDTH, HEIGHT = 24, 20


@pytest.fixture(autouse=True)
def _home(tmp_path_factory, monkeypatch):
    """An empty home, so that no cache of the user's is read or written."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def source(tmp_path, animevideo) -> Path:  # which skips where no package brings weights
    path = tmp_path / "in.png"
    path.write_bytes(encoded(picture(1)))
    return path


def upscale(source: Path, output: str, *options: str) -> int:
    return main([str(source), str(source.parent / output), "--model", MODEL, "--device", "cpu", *options])


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(("output", "name"), [("out.png", "PNG"), ("out.JPG", "JPEG"), ("out.webp", "WEBP")])
def test_the_ending_chooses_the_format(source, output, name):
    assert upscale(source, output) == 0
    with Image.open(source.with_name(output)) as result:
        assert (result.format, result.size) == (name, (4 * WIDTH, 4 * HEIGHT))
    assert names_in(source.parent) == {"in.png", output}


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_scale_asked_for_is_the_scale_had(source, scale):
    assert upscale(source, "out.png", "--scale", str(scale)) == 0
    assert decoded(source.with_name("out.png").read_bytes()).shape == (HEIGHT * scale, WIDTH * scale, 3)


def test_json_says_what_was_done(source, capsys):
    assert upscale(source, "out.webp", "--json", "--dtype", "float32") == 0
    shown = capsys.readouterr()
    report = json.loads(shown.out)
    assert shown.err == ""
    assert set(report) == {"model", "device", "dtype", "reason", "input", "output", "tiles", "seconds"}
    assert (report["model"], report["device"], report["dtype"], report["tiles"]) == (MODEL, "cpu", "float32", 1)
    assert report["input"] == {"width": WIDTH, "height": HEIGHT, "format": "png"}
    assert report["output"] == {"width": 4 * WIDTH, "height": 4 * HEIGHT, "format": "webp"}
    assert set(report["seconds"]) == {"decode", "load", "compute", "encode"}


def test_a_small_memory_budget_means_tiles_and_the_same_picture(source, capsys):
    source.write_bytes(encoded(picture(1, 60, 50)))
    assert upscale(source, "whole.png", "--json", "--dtype", "float32") == 0
    assert upscale(source, "tiled.png", "--json", "--dtype", "float32", "--memory-budget", "1MB") == 0
    assert [json.loads(line)["tiles"] > 1 for line in capsys.readouterr().out.splitlines()] == [False, True]
    whole, tiled = (decoded(source.with_name(name).read_bytes()) for name in ("whole.png", "tiled.png"))
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_weights_of_the_users_own_are_taken(source, animevideo):
    weights = source.with_name("mine.pth")
    torch.save({"params": animevideo._network.state_dict()}, weights)
    assert upscale(source, "mine.png", "--weights", str(weights), "--dtype", "float32") == 0
    assert upscale(source, "theirs.png", "--dtype", "float32") == 0
    assert source.with_name("mine.png").read_bytes() == source.with_name("theirs.png").read_bytes()


@pytest.mark.parametrize(
    ("output", "options", "sentence"),
    [
        ("out.png", ["--model", "nothing-such"], "model not found: nothing-such"),
        ("out.gif", [], "does not end in .png, .jpg, .jpeg or .webp"),
        ("out", [], "does not end in"),
        ("nowhere/out.png", [], "there is no folder"),
        ("folder.png", [], "is a folder"),
        ("out.png", ["--weights", "gone.pth"], "cannot be read: there is no such file"),
        ("out.png", ["--dtype", "float16"], "float16"),
    ],
)
def test_a_mistake_is_one_sentence_and_no_file(source, capsys, output, options, sentence):
    if sentence == "is a folder":
        (source.parent / output).mkdir()
    assert upscale(source, output, "--json", *options) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("upscale: ")
    assert sentence in shown.err
    assert shown.err.count("\n") == 1
    assert names_in(source.parent) - {"folder.png"} == {"in.png"}


def test_a_missing_file_is_one_sentence(tmp_path, capsys):
    assert upscale(tmp_path / "gone.png", "out.png") == 1
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"text", encoded(picture(1, 90, 90))[:500]])
def test_a_damaged_input_leaves_an_older_output_alone(source, capsys, content):
    source.write_bytes(content)
    source.with_name("out.png").write_bytes(b"older")
    assert upscale(source, "out.png") == 1
    assert capsys.readouterr().err.startswith("upscale: the ")
    assert source.with_name("out.png").read_bytes() == b"older"


def test_a_result_too_large_for_its_format_is_refused_before_any_work(source, capsys):
    source.write_bytes(encoded(Image.new("L", (5000, 1))))
    assert upscale(source, "out.webp") == 1
    assert "cannot hold a result of this size" in capsys.readouterr().err


def test_an_output_that_cannot_be_finished_does_not_appear(source, capsys):
    """The kernel refuses to let any file grow beyond a thousand bytes, as on a full disk."""
    source.with_name("out.png").write_bytes(b"older")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        code = upscale(source, "out.png", "--json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 1
    assert "too large" in capsys.readouterr().err
    assert names_in(source.parent) == {"in.png", "out.png"}
    assert source.with_name("out.png").read_bytes() == b"older"


@pytest.mark.parametrize("options", [["--scale", "5"], ["--memory-budget", "0"], ["--device", "abacus"], []])
def test_wrong_arguments_end_with_2(capsys, options):
    with pytest.raises(SystemExit) as ended:
        main(["in.png", *options])
    assert ended.value.code == 2
    assert "usage: upscale" in capsys.readouterr().err


def test_models_lists_the_whole_catalogue(catalogue, capsys):
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in catalogue)
    assert "download, by `upscale models pull realesrgan-x2plus`" in shown


@pytest.mark.parametrize("words", [["--weights-dir", "DIR"], ["--weights-dir", "DIR", "pull", "--if-missing", MODEL]])
def test_a_folder_of_weights_of_ones_own_is_looked_into(catalogue, tmp_path, words, capsys):
    store = WeightsStore(tmp_path, {})
    cached = tmp_path / f"{MODEL}-{catalogue[MODEL].release.sha256[:12]}.safetensors"
    cached.touch()
    assert store.find(catalogue[MODEL]) == Weights(cached, "cache")
    assert main(["models", *(str(tmp_path) if word == "DIR" else word for word in words)]) == 0
    assert str(cached) in capsys.readouterr().out


def test_pulling_an_unknown_model_is_one_sentence(capsys):
    assert main(["models", "pull", "nothing-such"]) == 1
    assert "model not found: nothing-such" in capsys.readouterr().err


@pytest.mark.usefixtures("animevideo")
def test_pulling_if_missing_is_content_with_the_package(capsys):
    assert main(["models", "pull", "--if-missing", MODEL]) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()


@pytest.mark.parametrize(
    ("text", "size"), [("1GiB", 1 << 30), ("500MB", 500_000_000), ("1.5kib", 1536), ("1048576", 1 << 20)]
)
def test_sizes_are_read(text, size):
    assert parse_bytes(text) == size
