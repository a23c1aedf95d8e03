"""What ends a child, and what becomes of its picture."""

from __future__ import annotations

import asyncio
import io
import os
import resource
import signal
import threading
from pathlib import Path

import pytest

from deployments.decoder import decoder as decoder_module
from deployments.decoder.child import BYTES_PER_PX, HEADER_BYTES, TIMES_FILE
from deployments.decoder.decoder import Decoder
from deployments.errors import DecoderError
from tests.pictures import png
from tests.unit.deployments.decoder.conftest import BOUNDS, SLOW, children_of, read_of, stopped_child_of, until
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
    zygotes = resource.getpagesize() * int(read_of(decoder._zygote.pid, "statm").split()[0])
    assert most == pytest.approx(zygotes + HEADER_BYTES + 25_000_000 * BYTES_PER_PX + len(SLOW) * TIMES_FILE, abs=1e6)
    resource.prlimit(child, resource.RLIMIT_AS, (150 << 20, most))
    os.kill(child, signal.SIGCONT)
    with pytest.raises(InvalidPictureError):
        await looking


async def test_only_a_large_picture_gets_huge_pages(decoder):
    looking = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    child = await stopped_child_of(decoder)
    assert "THP_enabled:\t1" in read_of(child, "status")
    assert "THP_enabled:\t0" in read_of(decoder._zygote.pid, "status")
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def test_who_leaves_ends_the_child(decoder):
    leaving = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    await stopped_child_of(decoder)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await until(lambda: not children_of(decoder), 2.5)  # although it would never end by itself


class SlowFile(io.BytesIO):
    """A file on a disk that takes its time: `go_on` lets it be read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.is_read, self.go_on = threading.Event(), threading.Event()

    def read(self, size: int | None = -1) -> bytes:
        self.is_read.set()
        assert self.go_on.wait(30)
        return super().read(size)


async def test_who_leaves_while_a_file_is_copied_leaves_no_bytes_in_the_files_of_others(decoder):
    """A descriptor that is closed while a thread writes to it is soon somebody else's."""
    await decoder.look(io.BytesIO(png(1)), BOUNDS)
    file = SlowFile(b"x" * 100_000)
    leaving = asyncio.ensure_future(decoder.look(file, BOUNDS))
    await until(file.is_read.is_set)
    leaving.cancel()
    await asyncio.sleep(0.05)
    others = [os.memfd_create("other") for _ in range(8)]  # the lowest numbers that are free
    file.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert [os.fstat(fd).st_size for fd in others] == [0] * 8
    for fd in others:
        os.close(fd)


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
    await stopped_child_of(decoder)
    first = decoder._zygote._process
    os.kill(first.pid, signal.SIGKILL)  # and with it its child, which would never end by itself
    assert (await looking).width == 5000
    assert decoder._zygote._process is not first
    assert decoder.num_died == 0


async def test_a_picture_that_ends_its_zygote_is_not_tried_for_ever(decoder):
    looking = asyncio.ensure_future(decoder.look(io.BytesIO(SLOW), BOUNDS))
    for _ in range(2):
        await stopped_child_of(decoder)
        zygote = decoder._zygote._process
        os.kill(zygote.pid, signal.SIGKILL)
        zygote.wait()
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
