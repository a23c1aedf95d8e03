"""upscale-client as it is called, over the double in the same process."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from client.tests.double import PNG, RESULT, refused, said, spoilt, unreachable
from upscaler_client.command.arguments import read_arguments
from upscaler_client.command.main import upscale


@pytest.fixture
def images(tmp_path):
    paths = [tmp_path / name for name in ("cat.png", "dog.png", "elk.png")]
    for path in paths:
        path.write_bytes(PNG)
    return paths


@pytest.fixture
def command(service, tmp_path, monkeypatch):
    """Runs the command into `out`, and returns its exit status."""
    service.polls = 0  # here, time is real
    monkeypatch.setenv("UPSCALER_URL", "http://upscaler.test")
    monkeypatch.delenv("UPSCALER_API_KEY", raising=False)

    def run(*words: object) -> int:
        arguments = read_arguments([str(word) for word in (*words, "-o", tmp_path / "out")])
        return asyncio.run(upscale(arguments, service))

    return run


def names(folder) -> list[str]:
    return sorted(path.name for path in (folder / "out").iterdir())


def test_every_file_has_its_result(command, service, images, tmp_path, capsys):
    assert command(*images) == 0
    assert names(tmp_path) == ["cat_x4.png", "dog_x4.png", "elk_x4.png"]
    assert (tmp_path / "out" / "cat_x4.png").read_bytes() == RESULT
    assert not any(job.result for job in service.jobs.values())
    said = capsys.readouterr()
    assert sorted(line.split(" -> ")[0] for line in said.out.splitlines()) == [str(path) for path in images]
    assert said.err == ""


def test_what_is_asked_is_sent(command, service, images, tmp_path):
    asked = ["--scale", 2, "--model", "m", "--format", "webp", "--quality", 70, "--metadata", "keep"]
    assert command(images[0], *asked) == 0
    (job,) = service.jobs.values()
    assert job.fields == {"scale": "2", "model": "m", "format": "webp", "quality": "70", "metadata": "keep"}
    assert names(tmp_path) == ["cat_x2.png"]  # by what has come


def test_one_that_fails_does_not_hold_up_the_others(command, service, images, tmp_path, capsys):
    service.troubles["post"] = [refused(422, "invalid_image")]
    assert command(*images, "--jobs", 1) == 1
    assert names(tmp_path) == ["dog_x4.png", "elk_x4.png"]
    said = capsys.readouterr()
    assert said.err == f"{images[0]}: A sentence about invalid_image. (request r-1)\n"


def test_trouble_is_told_once_where_there_is_no_bar(command, service, images, capsys):
    service.troubles["post"] = [unreachable, unreachable]
    assert command(images[0]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{images[0]}: ConnectError: nobody listens; trying again in 0.")


def test_json_has_a_line_for_each_file(command, service, images, tmp_path, capsys):
    service.troubles["post"] = [refused(422, "invalid_image")]
    missing = tmp_path / "none.png"
    assert command(*images[:2], missing, "--json", "--jobs", 1) == 1
    said = capsys.readouterr()
    refusal, result, nothing = map(json.loads, said.out.splitlines())
    assert (refusal["code"], refusal["request_id"], refusal["file"]) == ("invalid_image", "r-1", str(images[0]))
    assert (result["output"], result["width"]) == (str(tmp_path / "out" / "dog_x4.png"), 96)
    assert (nothing["code"], nothing["error"]) == ("FileNotFoundError", "No such file or directory")
    assert said.err == ""


def test_nothing_is_overwritten_nor_uploaded_in_vain(command, service, images, tmp_path, capsys):
    command(images[0])
    (tmp_path / "out" / "cat_x4.png").write_bytes(b"mine")
    assert command(images[0]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "out" / "cat_x4.png").read_bytes() == b"mine"
    assert len(service.calls("POST")) == 1
    assert command(images[0], "--overwrite") == 0
    assert (tmp_path / "out" / "cat_x4.png").read_bytes() == RESULT


@pytest.mark.parametrize("more", [[], ["--overwrite"]], ids=str)
def test_inputs_of_the_same_name_are_numbered(command, images, tmp_path, more):
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "cat.png"
    twin.write_bytes(PNG)
    assert command(images[0], twin, *more, "--jobs", 1) == 0
    assert names(tmp_path) == ["cat_x4-2.png", "cat_x4.png"]


@pytest.mark.parametrize("answers_format", ["../../etc/passwd", "exe", "jpeg"])
def test_no_word_of_the_service_is_in_a_name(command, service, images, tmp_path, answers_format):
    service.answers_format = answers_format
    assert command(images[0]) == 0
    assert names(tmp_path) == ["cat_x4.png"]


def test_no_word_of_the_service_moves_the_cursor(command, service, images, capsys):
    service.troubles["post"] = [said(422, json.dumps({"code": "x", "error": "\x1b[2J [red]gone[/red]\nok"}))]
    assert command(images[0]) == 1
    assert capsys.readouterr().err.startswith(f"{images[0]}: ?[2J [red]gone[/red]?ok (")


def test_a_damaged_result_is_no_file(command, service, images, tmp_path):
    service.troubles["download"] = [spoilt(b"not it")] * 3
    assert command(images[0]) == 1
    assert names(tmp_path) == []
    assert not service.calls("DELETE")


def test_a_file_that_takes_too_long_is_cancelled(command, service, images, capsys):
    service.polls = 10_000
    assert command(images[0], "--timeout", 0.3) == 1
    assert "not done within 0.3 s" in capsys.readouterr().err
    assert [job.error_code for job in service.jobs.values()] == ["cancelled"]


@pytest.mark.parametrize("name", [b"\xc3\xa4" * 100, b"-", b"..png", b'a "b%2f', b"\xff\x1b[2J", b"a\nb"], ids=repr)
def test_odd_names(command, tmp_path, name, capsys):
    path = tmp_path / os.fsdecode(name + b".png")
    path.write_bytes(PNG)
    assert command(path) == 0
    assert len(names(tmp_path)) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_the_key_comes_from_the_environment_or_a_file(command, service, images, tmp_path, monkeypatch, capsys):
    service.key = "s3cret"
    assert command(images[0]) == 1
    monkeypatch.setenv("UPSCALER_API_KEY", "s3cret")
    assert command(images[0]) == 0
    file = tmp_path / "key"
    file.write_text("s3cret\n")
    monkeypatch.setenv("UPSCALER_API_KEY", "wrong")
    assert command(images[1], "--key-file", file) == 0
    assert "s3cret" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["cat.png", "--scale", "5"],
        ["cat.png", "--jobs", "0"],
        ["cat.png", "--url", "nowhere"],
        ["cat.png", "--key-file", "/none"],
        ["cat.png", "-o", os.devnull],
        ["cat.png", "--key", "s3cret"],
    ],
)
def test_a_command_line_that_makes_no_sense(words, capsys):
    with pytest.raises(SystemExit) as end:
        read_arguments(words)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("usage: upscale-client")
