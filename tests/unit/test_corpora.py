"""The runner of the corpora: every file is counted, and what may not be is told apart from what may."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from pathlib import Path

import pytest

from tests.corpora.runner import files, run
from tests.corpora.sources import advice
from tests.looking import MAX_CPU_S, Look, Looker
from tests.pictures import encoded, picture, png
from tests.unit.deployments.decoder.conftest import SLOW, stopped_child_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def corpus(tmp_path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.png").write_bytes(png(1))
    (tmp_path / "two").write_bytes(encoded(picture(2), "JPEG"))
    (tmp_path / "three.webp").write_bytes(encoded(picture(3), "WEBP"))
    (tmp_path / "cut.png").write_bytes(png(4)[:-30])
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    (tmp_path / "empty").touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref")
    (tmp_path / "link").symlink_to("two")
    return tmp_path


async def test_every_file_is_counted_once(corpus):
    told: list[Path] = []
    tally = await run(corpus, lambda path, _: told.append(path))
    assert sorted(told) == list(files(corpus))
    assert dict(tally.refusals) == {"invalid_image": 1, "unsupported_image_format": 2}
    assert tally.sentence() == ("6 files: 3 pictures, 3 refused (0 by a limit), 0 crashes, 0 hangs, 0 unlisted errors")
    assert not tally.bad


@pytest.mark.parametrize(
    ("number", "outcome"),
    [(signal.SIGSEGV, "crash"), (signal.SIGABRT, "crash"), (signal.SIGXCPU, "limit"), (signal.SIGKILL, "unlisted")],
)
async def test_a_child_that_dies_is_not_taken_for_a_refusal(number, outcome):
    looker = Looker()
    looking = asyncio.ensure_future(looker.look(io.BytesIO(SLOW)))
    try:
        child = await stopped_child_of(looker._decoder)
        os.kill(child, number)
        os.kill(child, signal.SIGCONT)
        assert (await looking).outcome == outcome
    finally:
        looker.close()


@pytest.mark.parametrize(
    ("look", "is_fine"),
    [
        (Look("picture", "png", 0.1, 0.1), True),
        (Look("refused", "invalid_image", 0.1, 0.1), True),
        (Look("limit", "too long", 3.0, 3.0), True),
        (Look("crash", "exit status -11", 0.1, 0.1), False),
        (Look("unlisted", "KeyError", 0.1, 0.1), False),
        (Look("picture", "png", MAX_CPU_S + 0.1, 9.0), False),
    ],
)
def test_what_no_file_may_come_to(look, is_fine):
    assert look.is_fine == is_fine


def test_without_corpora_it_says_where_they_are(tmp_path):
    assert "https://github.com/webmproject/libwebp-test-data" in advice(tmp_path)
