"""What ends a child, and what becomes of its picture."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import time
from pathlib import Path

import pytest

from deployments.decoder import decoder as decoder_module
from deployments.decoder.decoder import Decoder
from deployments.errors import DecoderError
from tests.pictures import png
from tests.unit.deployments.decoder.conftest import BOUNDS, SLOW, child_of, children_of, until
from upscaler.errors import InvalidPictureError

pytestmark = pytest.mark.anyio


async def test_what_takes_too_long_is_ended_by_the_kernel(decoder):
    began_at = time.monotonic()
    with pytest.raises(InvalidPictureError, match="too long"):
        await decoder.look(io.BytesIO(SLOW), BOUNDS)
    assert decoder.num_died == 1
    assert time.monotonic() - began_at < 30  # three seconds of a processor, on a machine that has other work
    assert await decoder.look(io.BytesIO(png(1)), BOUNDS)


async def test_who_leaves_ends_the_child(decoder):
    leaving = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    await child_of(decoder)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await until(lambda: not children_of(decoder), 2.5)  # well before the three seconds that the kernel would let it run


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGKILL, DecoderError), (signal.SIGSEGV, InvalidPictureError)])
async def test_a_child_that_dies_is_told_apart_by_who_has_ended_it(decoder, number, kind):
    """The kernel kills where memory is short, and the picture is not to blame; a codec that breaks is its doing."""
    looking = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    os.kill(await child_of(decoder), number)
    with pytest.raises(kind):
        await looking
    assert decoder.num_died == 1


async def test_a_zygote_that_dies_is_replaced(decoder):
    await decoder.look(io.BytesIO(png(1)), BOUNDS)
    first = decoder._zygote
    looking = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    child = await child_of(decoder)
    os.kill(first.pid, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    with pytest.raises(DecoderError):
        await looking
    assert await decoder.look(io.BytesIO(png(1)), BOUNDS)
    assert decoder._zygote is not first


async def test_closing_ends_everything():
    decoder = Decoder()
    looking = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    child, zygote = await child_of(decoder), decoder._zygote.pid
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
