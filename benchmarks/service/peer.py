"""The peer: a plain FastAPI application on Serve that parses, decodes and writes what our service does.

Its upload is Starlette's form, decoded whole by Pillow, written and fsynced as our promise wants it: the picture, a
small record, and the folders that lead to them. A second route has each picture decoded in a child of its own, as
ours are, so that what that costs can be told from the rest. A status comes from a dict of the replica's, which is the
least it can cost, or from an actor, as where there are several replicas. A result is a FileResponse, and stays.

No `from __future__ import annotations` here: FastAPI does not find what strings name where Serve has moved a class.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any

import ray
from fastapi import FastAPI, Form, UploadFile
from PIL import Image
from ray import serve
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse

from benchmarks.service.callback import PEER
from deployments.decoder.decoder import Decoder
from deployments.decoder.wire import Bounds
from upscaler.pictures.picture import Limits

app = FastAPI()
BOUNDS = Bounds(Limits(25_000_000, 400_000_000, 65_500), 4)


def write_durably(path: Path, data: bytes) -> None:
    """Return when a power cut would leave the file."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Records:
    """What a job looks like, in an actor."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Any]] = {}

    async def put(self, job_id: str, record: dict[str, Any]) -> None:
        self._found[job_id] = record

    async def get(self, job_id: str) -> dict[str, Any] | None:
        return self._found.get(job_id)


@serve.ingress(app)
class Peer:
    """Answers under PEER."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(exist_ok=True)
        self._found: dict[str, dict[str, Any]] = {}
        self._records = ray.remote(num_cpus=0)(Records).remote()
        self._decoder = Decoder()
        self._decoder.start()

    @app.post("/upscale")
    def upscale(self, image: UploadFile, scale: int = Form(4)) -> JSONResponse:
        with Image.open(image.file) as picture:
            picture.verify()
        with Image.open(image.file) as picture:
            picture.load()
            size = picture.size
        return self._taken(image, scale, size)

    @app.post("/upscale-isolated")
    async def upscale_isolated(self, image: UploadFile, scale: int = Form(4)) -> JSONResponse:
        seen = await self._decoder.look(image.file, BOUNDS)
        return await run_in_threadpool(self._taken, image, scale, (seen.width, seen.height))

    def _taken(self, image: UploadFile, scale: int, size: tuple[int, int]) -> JSONResponse:
        image.file.seek(0)
        job_id, data = str(10**18 + secrets.randbelow(10**18)), image.file.read()
        record = {"job_id": job_id, "status": "processing", "progress": 0, "scale": scale, "size": size}
        folder = self._folder / job_id
        folder.mkdir()
        write_durably(folder / "input", data)
        write_durably(folder / "job.json", json.dumps(record).encode())
        _sync(self._folder)
        self._found[job_id] = record
        self._records.put.remote(job_id, record)
        return JSONResponse({"success": True, "job_id": job_id, "status_url": f"{PEER}/status/{job_id}"}, 202)

    @app.get("/status/{job_id}")
    async def status(self, job_id: str) -> dict[str, Any]:
        return self._found[job_id]

    @app.get("/status-of-actor/{job_id}")
    async def status_of_actor(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self._records.get.remote(job_id)
        return found

    @app.get("/download/{job_id}")
    async def download(self, job_id: str) -> FileResponse:
        return FileResponse(self._folder / job_id, media_type="image/png")


def deploy(folder: Path, num_replicas: int, max_ongoing_requests: int) -> None:
    """The peer, with what our Ingress has."""
    options = {"num_replicas": num_replicas, "max_ongoing_requests": max_ongoing_requests}
    peer = serve.deployment(name="Peer", ray_actor_options={"num_cpus": 0}, **options)(Peer)
    serve.run(peer.bind(str(folder)), name="peer", route_prefix=PEER)
