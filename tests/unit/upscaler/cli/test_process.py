"""The command in a process of its own: on a terminal, interrupted, and with nobody who reads it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from tests.pictures import png
from tests.unit.upscaler.cli.command import below, in_a_process, kind_of

PATIENCE_S = 120.0


def on_a_terminal(words: list[str]) -> tuple[int, str]:
    """The exit status, and all that the person sees."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(words, stdout=end, stderr=end, stdin=end, env=os.environ | {"TERM": "xterm"})
    os.close(end)
    seen = b""
    try:
        while piece := os.read(terminal, 65536):
            seen += piece
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    return process.wait(PATIENCE_S), seen.decode()


@pytest.mark.usefixtures("upscale")
def test_a_person_sees_bars(tmp_path):
    Path("cat.png").write_bytes(png(1, 160, 120))
    Path("dog\x1b]0;title\x07.png").write_bytes(png(2, 160, 120))
    code, seen = on_a_terminal(in_a_process(tmp_path, "gone.png", "-o", "out"))
    assert code == 1
    assert "━" in seen
    assert "0 of 2 files" in seen
    assert "2 of 2 files" in seen
    assert " MP/s, in " in seen
    assert "encoding" in seen
    assert "gone.png: No such file or directory" in seen
    assert f"{tmp_path / 'cat.png'} -> out/cat_x4.png (0." in seen
    assert "dog?]0;title?.png" in seen
    assert "\x1b]0;" not in seen
    assert len(below(Path("out"))) == 2


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("upscale")
def test_an_interruption_leaves_what_is_finished_and_nothing_else(how):
    Path("small.png").write_bytes(png(1))
    Path("large.png").write_bytes(png(2, 900, 800))
    words = in_a_process("small.png", *["large.png"] * 20, "-o", "out")
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = process.stdout.readline()
    process.send_signal(how)
    rest, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert first.startswith("small.png -> out/small_x4.png")
    finished = 1 + len(rest.splitlines())
    assert err.splitlines()[1:] == [f"interrupted; done: {finished} of 21"]
    assert finished < 21
    assert "small_x4.png" in below(Path("out"))
    assert len(below(Path("out"))) in (finished, finished + 1)  # one may be finished and not yet told
    assert all(kind_of(Path("out") / name)[0] == "PNG" for name in below(Path("out")))


def ended(words: list[str], stdout: int) -> tuple[int, str]:
    process = subprocess.run(words, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    return process.returncode, process.stderr


@pytest.mark.parametrize("words", [["models"], ["gone.png", "--json"]], ids=" ".join)
@pytest.mark.usefixtures("upscale")
def test_nobody_reads_the_output(words):
    reading, writing = os.pipe()
    os.close(reading)
    words = in_a_process(*words) if words != ["models"] else in_a_process("models")[:2]
    assert ended(words, writing) == (1, "upscale: nobody reads the output\n")
    os.close(writing)


@pytest.mark.usefixtures("upscale")
def test_the_output_goes_to_a_full_disk():
    with Path("/dev/full").open("w") as full:
        code, err = ended(in_a_process("gone.png", "--json"), full.fileno())
    assert (code, err) == (1, "upscale: the disk: No space left on device\n")
