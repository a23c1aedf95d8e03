"""What `make run` says before it installs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def program(folder: Path, name: str, status: int) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {status}\n")
    path.chmod(0o755)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere PyPI's torch brings no CUDA along")
@pytest.mark.parametrize(
    ("has_gpu", "has_torch", "variables", "lines"),
    [
        (False, False, {}, 1),
        (True, False, {}, 0),
        (False, True, {}, 0),
        (False, False, {"PIP_EXTRA_INDEX_URL": "https://download.pytorch.org/whl/cpu"}, 0),
    ],
)
def test_a_machine_without_a_gpu_is_told_how_to_spare_cuda(tmp_path, has_gpu, has_torch, variables, lines):
    venv, programs = tmp_path / "venv", tmp_path / "programs"
    program(venv, "python", 0 if has_torch else 1)
    programs.mkdir()
    for name in ("sh", "make", "uname", "command"):
        for folder in ("/usr/bin", "/bin"):
            if Path(folder, name).exists() and not (programs / name).exists():
                (programs / name).symlink_to(Path(folder, name))
    if has_gpu:
        program(programs, "nvidia-smi", 0)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "--silent", f"BIN={venv}", "torch-hint"],
        cwd=ROOT,
        env=environment | {"PATH": str(programs)} | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    said = [line for line in done.stderr.splitlines() if "PIP_EXTRA_INDEX_URL" in line]
    assert len(said) == lines
