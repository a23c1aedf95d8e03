"""Upscale one image with the three calls of the API: submit, poll, download.

    python examples/guide_client.py IMAGE RESULT [--scale 2|3|4] [--url URL] [--wait SECONDS]

Needs Python 3.11 and nothing else. Exits with 1 and one sentence on stderr when it cannot be done.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import sys
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

TIMEOUT_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


class UpscaleError(Exception):
    """What went wrong, in one sentence."""


def call(request: Request | str) -> Any:
    """Send a request and return the open answer. Raises UpscaleError with the service's own sentence."""
    try:
        return urlopen(request, timeout=TIMEOUT_S)
    except HTTPError as error:
        raise UpscaleError(sentence_of(error)) from error
    except OSError as error:
        raise UpscaleError(f"no answer: {error}") from error


def sentence_of(error: HTTPError) -> str:
    """The member `error` of a problem body; a proxy in between may have answered without one."""
    try:
        return str(json.loads(error.read())["error"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"status {error.code}"


def submit(url: str, image: Path, scale: int) -> str:
    """Upload `image` as a multipart form; the id of its job."""
    boundary = secrets.token_hex(16)
    name = image.name.replace('"', "_")
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="scale"\r\n\r\n{scale}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    body += image.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    with call(Request(f"{url}/api/v1/upscale", body, headers)) as answer:
        return str(json.load(answer)["job_id"])


def wait_until_ended(url: str, job_id: str, wait_s: float) -> dict[str, Any]:
    """Poll, less and less often, until the job is no longer processing."""
    give_up_at, pause_s = time.monotonic() + wait_s, FIRST_PAUSE_S
    while True:
        with call(f"{url}/api/v1/status/{job_id}") as answer:
            document: dict[str, Any] = json.load(answer)
        if document["status"] != "processing":
            return document
        if time.monotonic() > give_up_at:
            raise UpscaleError(f"job {job_id} has not ended after {wait_s:.0f} s")
        print(f"progress {document['progress']} %", file=sys.stderr)
        time.sleep(pause_s)
        pause_s = min(LONGEST_PAUSE_S, pause_s * 1.5)


def download(url: str, document: dict[str, Any], target: Path) -> None:
    """Fetch the result, once. The file appears under its name only when every byte has come."""
    part = target.with_name(f"{target.name}.part")
    try:
        with call(url + document["download_url"]) as answer, part.open("wb") as file:
            shutil.copyfileobj(answer, file)
        if part.stat().st_size != document["file_size_bytes"]:
            raise UpscaleError("the download broke off")
        os.replace(part, target)
    except (HTTPException, TimeoutError, ConnectionError) as error:
        raise UpscaleError("the download broke off") from error
    finally:
        part.unlink(missing_ok=True)


def upscale(url: str, image: Path, target: Path, scale: int, wait_s: float) -> None:
    """All three calls. Raises UpscaleError, or OSError when a file cannot be read or written."""
    job_id = submit(url, image, scale)
    document = wait_until_ended(url, job_id, wait_s)
    if document["status"] == "failed":
        raise UpscaleError(document["error"])
    download(url, document, target)
    print(f"{target}, after {document['duration_seconds']} s of work", file=sys.stderr)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Upscale one image with a running Upscaler.")
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument("result", type=Path, metavar="RESULT")
    parser.add_argument("--scale", type=int, choices=(2, 3, 4), default=4)
    parser.add_argument("--url", default="http://localhost:8089")
    parser.add_argument("--wait", type=float, default=3600.0, metavar="SECONDS")
    options = parser.parse_args()
    try:
        upscale(options.url.rstrip("/"), options.image, options.result, options.scale, options.wait)
    except (UpscaleError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
