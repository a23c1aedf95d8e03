"""upscale-client in a process of its own: on a terminal, and interrupted."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from client.tests.double import PNG, RESULT
from client.tests.server import served

COMMAND = [sys.executable, "-m", "upscaler_client"]
PATIENCE_S = 30.0


def eventually(condition) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


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


def test_a_person_sees_bars(service, tmp_path):
    service.polls = 6
    for name in ("cat", "dog"):
        (tmp_path / f"{name}.png").write_bytes(PNG)
    with served(service) as url:
        files = [str(path) for path in tmp_path.glob("*.png")]
        code, seen = on_a_terminal([*COMMAND, *files, "-o", str(tmp_path / "out"), "--url", url])
    assert code == 0
    assert "40 %, 1 min 10 s left" in seen
    assert "━" in seen
    assert f"{tmp_path / 'cat.png'} -> {tmp_path / 'out' / 'cat_x4.png'} (0.3 MB, 1.5 s)" in seen
    assert (tmp_path / "out" / "dog_x4.png").read_bytes() == RESULT


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_cancels_what_is_unfinished(service, tmp_path, how):
    service.polls = 100_000
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(PNG)
    files = [str(path) for path in tmp_path.glob("*.png")]
    with served(service) as url:
        words = [*COMMAND, *files, "-o", str(tmp_path / "out"), "--url", url, "--jobs", "3"]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        eventually(lambda: len(service.calls("GET")) > 6)
        process.send_signal(how)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert (out, err) == ("", "interrupted; unfinished jobs cancelled: 3\n")
    assert [job.error_code for job in service.jobs.values()] == ["cancelled"] * 3
    assert list((tmp_path / "out").iterdir()) == []
