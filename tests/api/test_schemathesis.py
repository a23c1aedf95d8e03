"""Requests that schemathesis makes up from the OpenAPI document: none is answered otherwise than it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system import ROOT

MOST_S = 280

COMMAND = [
    str(Path(sys.executable).with_name("schemathesis")),
    "run",
    "--checks=all",
    # The document cannot say that bytes are a picture, nor that a job exists. And a job that was deleted is not
    # forgotten at once: its status goes on saying what became of it.
    "--exclude-checks=positive_data_acceptance,use_after_free",
    "--max-examples=25",
    "--seed=1",
    "--generation-database=none",
    "--continue-on-failure",
    "--header=Authorization: Bearer secret of alice",
]


@pytest.mark.timeout(MOST_S + 20)
def test_every_answer_is_one_that_the_document_describes(system, tmp_path):
    hooks = {"SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [*COMMAND, f"{system.url}/openapi.json"],
        cwd=tmp_path,
        env=os.environ | hooks,
        capture_output=True,
        text=True,
        timeout=MOST_S,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-20_000:]
