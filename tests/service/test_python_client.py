"""The same picture by the Python client and by its command, against the real service, as a new user would try it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pictures import decoded, encoded, picture
from upscaler_client import AsyncClient, Client, JobFailedError, RefusedError

pytestmark = pytest.mark.service


def command(*words: object) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("upscale-client")
    return subprocess.run([program, *map(str, words)], check=False, timeout=120, capture_output=True, text=True)


def test_the_same_picture_by_both_clients_and_by_the_command(service, tmp_path):
    given = tmp_path / "cat.jpg"
    given.write_bytes(encoded(picture(21), "JPEG", quality=95))
    progress, sent = [], []
    with Client(service.url) as client:
        data = client.upscale(given, 2, on_progress=progress.append, on_upload=lambda *sizes: sent.append(sizes))

    async def upscaled() -> bytes:
        async with AsyncClient(service.url) as client:
            return await client.upscale(given, 2)

    made = command(given, "-o", tmp_path / "out", "--url", service.url, "--scale", 2, "--json")
    assert (made.returncode, made.stderr) == (0, "")
    told = json.loads(made.stdout)
    assert told["output"] == str(tmp_path / "out" / "cat_x2.jpg")
    assert Path(told["output"]).read_bytes() == data == asyncio.run(upscaled())
    assert (told["width"], told["height"]) == (48, 40)
    assert decoded(data).shape == (40, 48, 3)
    assert progress[-1].has_ended
    assert sent[-1][0] == sent[-1][1]


def test_a_result_is_gone_when_it_has_arrived(service):
    with Client(service.url) as client:
        job_id = client.submit(encoded(picture(22)), format="webp", quality=60)
        assert client.wait(job_id).result == "available"
        assert client.download(job_id).startswith(b"RIFF")
        assert client.status(job_id).result == "deleted"
        with pytest.raises(RefusedError) as error:
            client.download(job_id)
    assert (error.value.status, error.value.code) == (410, "deleted")


def test_a_refusal_and_a_cancelled_job(service):
    with Client(service.url) as client:
        with pytest.raises(RefusedError) as refusal:
            client.submit(b"no picture")
        assert refusal.value.code == "unsupported_image_format"
        assert refusal.value.request_id in str(refusal.value)
        with pytest.raises(RefusedError) as refusal:
            client.submit(encoded(picture(23)), model="none")
        assert "realesr-animevideov3" in refusal.value.facts["allowed"]
        job_id = client.submit(encoded(picture(23, 1500, 1500)))
        client.delete(job_id)
        with pytest.raises(JobFailedError) as failure:
            client.wait(job_id, timeout_s=60)
    assert failure.value.error_code == "cancelled"


def test_the_command_says_what_was_not_done(service, tmp_path):
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(encoded(picture(24)))
    bad.write_bytes(b"no picture")
    made = command(good, bad, "-o", tmp_path, "--url", service.url)
    assert made.returncode == 1
    assert made.stdout.startswith(f"{good} -> {tmp_path / 'good_x4.png'} (")
    assert made.stderr.startswith(f"{bad}: ")
    assert "request" in made.stderr
