"""What ends a child, and what becomes of its picture."""

from __future__ import annotations

import asyncio
import io
import os
import resource
import signal
from pathlib import Path

import pytest

from deployments.decoder import decoder as decoder_module
from deployments.decoder.decoder import Decoder
from deployments.errors import DecoderError
from tests.pictures import png
from tests.unit.deployments.decoder.conftest import BOUNDS, SLOW, children_of, stopped_child_of, until
from upscaler.errors import InvalidPictureError

pytestmark = pytest.mark.anyio


async def test_what_takes_too_long_is_ended_by_the_kernel(decoder):
    looking = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    child = await stopped_child_of(decoder)
    resource.prlimit(child, resource.RLIMIT_CPU, (1, resource.RLIM_INFINITY))  # instead of what it has for 25 MP
    os.kill(child, signal.SIGCONT)
    with pytest.raises(InvalidPictureError, match="too long"):
        await looking
    assert decoder.num_died == 1
    assert await decoder.look(io.BytesIO(png(1)), BOUNDS)


async def test_what_needs_too_much_memory_is_refused(decoder):
    looking = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    child = await stopped_child_of(decoder)
    most = resource.prlimit(child, resource.RLIMIT_AS)[0]
    assert 1 << 30 < most < 3 << 30  # what 25 megapixels may have, beside what the zygote had
    resource.prlimit(child, resource.RLIMIT_AS, (150 << 20, most))
    os.kill(child, signal.SIGCONT)
    with pytest.raises(InvalidPictureError):
        await looking


async def test_who_leaves_ends_the_child(decoder):
    leaving = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    await stopped_child_of(decoder)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await until(lambda: not children_of(decoder), 2.5)  # although it would never end by itself


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGKILL, DecoderError), (signal.SIGSEGV, InvalidPictureError)])
async def test_a_child_that_dies_is_told_apart_by_who_has_ended_it(decoder, number, kind):
    """The kernel kills where memory is short, and the picture is not to blame; a codec that breaks is its doing."""
    looking = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    os.kill(await stopped_child_of(decoder), number)
    with pytest.raises(kind):
        await looking
    assert decoder.num_died == 1


async def test_a_zygote_that_dies_is_replaced_and_its_picture_tried_again(decoder):
    looking = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    child, first = await stopped_child_of(decoder), decoder._zygote
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    os.kill(child, signal.SIGKILL)
    assert (await looking).width == 5000
    assert decoder._zygote is not first
    assert decoder.num_died == 0


async def test_a_picture_that_ends_its_zygote_is_not_tried_for_ever(decoder):
    looking = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    for _ in range(2):
        child, zygote = await stopped_child_of(decoder), decoder._zygote
        os.kill(zygote.pid, signal.SIGKILL)
        zygote.wait()
        os.kill(child, signal.SIGKILL)
    with pytest.raises(DecoderError):
        await looking


async def test_closing_ends_everything():
    decoder = Decoder()
    looking = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    child, zygote = await stopped_child_of(decoder), decoder._zygote.pid
    decoder.close()
    with pytest.raises((DecoderError, InvalidPictureError)):
        await looking
    await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in (child, zygote)))


async def test_a_wait_for_a_turn_ends(monkeypatch):
    monkeypatch.setattr(decoder_module, "TURN_S", 0.05)
    decoder = Decoder(max_running=1)
    first = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    await asyncio.sleep(0)
    with pytest.raises(DecoderError, match="wait"):
        await decoder.look(io.BytesIO(png(1)), BOUNDS)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    decoder.close()
