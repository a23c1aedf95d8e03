"""The examples work as they stand, against the real service."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.pictures import decoded, png
from tests.ray_environment import ROOT

pytestmark = pytest.mark.service


@pytest.mark.parametrize(
    "command",
    [
        ["sh", "examples/guide.sh", "IN", "OUT", "2"],
        [sys.executable, "examples/guide_client.py", "IN", "OUT", "--scale", "2"],
    ],
    ids=["shell", "python"],
)
def test_an_example_upscales_an_image(service, tmp_path, command):
    given, got = tmp_path / "cat.png", tmp_path / "cat_x2.png"
    given.write_bytes(png(9))
    words = [{"IN": str(given), "OUT": str(got)}.get(word, word) for word in command]
    if command[0] == sys.executable:
        words += ["--url", service.url]
    environment = os.environ | {"UPSCALER_URL": service.url}
    subprocess.run(words, cwd=ROOT, env=environment, check=True, timeout=120, capture_output=True)
    assert decoded(got.read_bytes()).shape == (40, 48, 3)
