"""The runnable blocks of the documentation, in the order of their page, as a reader would type them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.blocks import EXAMPLE_ID, PAGES, ROOT, Block, blocks_of
from tests.pictures import encoded, picture

pytestmark = pytest.mark.service

BIN = Path(sys.executable).parent
RUNNING = [page for page in PAGES if any(block.is_runnable for block in blocks_of(page))]
JOB_ID = re.compile(r'"job_id":\s*"(\d{19})"')
RESULT = re.compile(r"[\w./]+\.(?:jpg|png|webp)")


class Reader:
    """Who types what stands on a page, with photographs at hand, and takes the id of the last job for the example's."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder, self._job_id = url, folder, EXAMPLE_ID
        (folder / "photos").mkdir()
        for seed, name in enumerate(("photo.jpg", "photos/a.jpg", "photos/b.jpg"), 61):
            (folder / name).write_bytes(encoded(picture(seed), "JPEG", quality=95))
        (folder / "cat.png").write_bytes(encoded(picture(64)))

    def types(self, block: Block) -> str:
        """What it prints. Raises CalledProcessError when a command fails."""
        text = block.text.replace("http://localhost:8089", self._url).replace(EXAMPLE_ID, self._job_id)
        text = text.replace(".venv/bin/", f"{BIN}/")
        command = ["sh", "-euc", text] if block.language == "sh" else [sys.executable, "-c", text]
        environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "no_proxy": "*"}
        done = subprocess.run(
            command, cwd=self._folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{block}: {done.stdout}{done.stderr}"
        self._job_id = (JOB_ID.findall(done.stdout) or [self._job_id])[-1]
        return done.stdout


@pytest.mark.parametrize("page", RUNNING, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_runs_as_it_stands(service, tmp_path, page):
    reader, printed, said = Reader(service.url, tmp_path), "", {}
    for block in blocks_of(page):
        if block.is_runnable:
            printed = reader.types(block)
            said[str(block)] = printed
            for name in RESULT.findall(block.text):
                Image.open(tmp_path / name).load()  # the text of an error would not open
        elif block.mark == "output":
            _has_what_is_shown(json.loads(block.text), json.loads(printed))
            said.popitem()
    assert not [block for block, text in said.items() if '"success":false' in text]


def _has_what_is_shown(shown: dict[str, object], real: dict[str, object]) -> None:
    """All members that the page shows; of an error also what they say."""
    assert shown.keys() <= real.keys()
    assert shown.get("code") == real.get("code")
    assert shown.get("status") == real.get("status")
