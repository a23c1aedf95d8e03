"""What a zygote has done before its first child."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest

from tests.unit.deployments.decoder.test_decoder import PICTURES

IMPORTED = """
import base64, io, json, sys
from deployments.decoder.zygote import rehearse
from upscaler.pictures.decoding import decode
rehearse()
known = set(sys.modules)
decode(io.BytesIO(base64.b64decode(sys.stdin.read())), 4)
print(json.dumps(sorted(set(sys.modules) - known)))
"""


@pytest.mark.parametrize("data", PICTURES.values(), ids=PICTURES)
def test_children_have_nothing_left_to_import(data):
    command = [sys.executable, "-c", IMPORTED]
    done = subprocess.run(command, input=base64.b64encode(data), capture_output=True, check=True, timeout=60)
    assert [name for name in json.loads(done.stdout) if not name.startswith("pyvips")] == []
