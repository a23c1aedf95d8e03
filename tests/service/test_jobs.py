"""The life of a job through real Serve and real HTTP."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.pictures import decoded, encoded, picture, png
from tests.service.calls import eventually, fetched, finished, submit
from tests.service.conftest import DTYPE
from upscaler.catalogue import load_catalogue
from upscaler.device import select_device
from upscaler.engine import Engine
from upscaler.model import load_model
from upscaler.weights import WeightsStore

pytestmark = pytest.mark.service

FAST, BEST = "realesr-animevideov3", "realesrgan-x4plus"


@pytest.fixture(scope="module")
def solo():
    """Upscale in this process, alone: what each job must come back as."""
    device = select_device("cpu", DTYPE)
    engine = Engine(device)
    engine.start()
    catalogue, weights = load_catalogue(), WeightsStore(Path("/nonexistent"), {})

    def run(data: bytes, name: str = FAST) -> np.ndarray:
        model = load_model(catalogue[name], weights.require(catalogue[name]), device)
        return engine.submit(model, decoded(data)).result.result(timeout=120)

    yield run
    engine.close()


def folder(service, job_id: str) -> Path:
    return service.storage / "jobs" / job_id


def test_the_three_calls_of_the_guide(service, client):
    job_id = submit(client, encoded(picture(1, 64, 48), "JPEG"))
    assert sorted(path.name for path in folder(service, job_id).iterdir())[:2] == ["input", "job.json"]
    document = finished(client, job_id)
    assert document["status"] == "completed"
    assert document["progress"] == 100
    data = fetched(client, job_id)
    assert document["file_size_bytes"] == len(data)
    assert document["sha256"] == hashlib.sha256(data).hexdigest()
    assert 0 < document["duration_seconds"] < 60
    assert decoded(data).shape == (192, 256, 3)

    again = client.get(f"/api/v1/download/{job_id}")
    assert (again.status_code, again.json()["code"]) == (410, "already_downloaded")
    eventually(lambda: not folder(service, job_id).exists(), "the job's folder is gone")


def test_twenty_at_once_each_come_back_as_their_own(service, solo):
    pictures = [png(seed, 24 + seed, 40 - seed) for seed in range(20)]

    def whole(data: bytes) -> np.ndarray:
        with service.client() as client:
            job_id = submit(client, data)
            assert finished(client, job_id)["status"] == "completed"
            return decoded(fetched(client, job_id))

    with ThreadPoolExecutor(20) as threads:
        results = list(threads.map(whole, pictures))
    for data, result in zip(pictures, results, strict=True):
        assert np.array_equal(result, solo(data))


def test_the_default_photo_model_on_a_small_picture(client, solo):
    data = png(7, 32, 24)
    job_id = submit(client, data, model=BEST)
    document = finished(client, job_id)
    assert document["model"] == BEST
    assert np.array_equal(decoded(fetched(client, job_id)), solo(data, BEST))


@pytest.mark.parametrize("scale", ["2", "3", "4"])
def test_one_pixel_is_a_picture(client, scale):
    job_id = submit(client, png(1, 1, 1), scale=scale)
    assert finished(client, job_id)["status"] == "completed"
    assert decoded(fetched(client, job_id)).shape == (int(scale), int(scale), 3)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
def test_a_result_has_the_format_of_its_input(client, image_format):
    job_id = submit(client, encoded(picture(2, 16, 16), image_format))
    assert finished(client, job_id)["output"] == {"width": 64, "height": 64, "format": image_format.lower()}
    answer = client.get(f"/api/v1/download/{job_id}")
    assert answer.headers["content-type"] == f"image/{image_format.lower()}"


def test_of_fifty_parallel_downloads_one_gets_the_body(service, client):
    job_id = submit(client, png(3, 64, 64))
    finished(client, job_id)

    def get(_: int) -> int:
        with service.client() as other:
            return other.get(f"/api/v1/download/{job_id}").status_code

    with ThreadPoolExecutor(50) as threads:
        statuses = list(threads.map(get, range(50)))
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 409, 410}
