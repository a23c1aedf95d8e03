"""An S3 server over HTTP: long listings, and servers that are down, hang or refuse."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deployments.errors import StorageError
from deployments.storage.objects import SMALL_S
from deployments.storage.owner import Epoch
from deployments.storage.storage import JobStorage, open_storage
from tests.ports import free_port

pytestmark = pytest.mark.anyio

FAILS_WITHIN_S = 10.0


async def listed(storage: JobStorage) -> list[tuple[str, bytes]]:
    return [entry async for entry in storage.records()]


SMALL_CALLS: dict[str, Callable[[JobStorage], Awaitable[object]]] = {
    "put_record": lambda storage: storage.put_record("1", b"{}"),
    "put_tombstone": lambda storage: storage.put_tombstone("1", b"{}"),
    "get_owner": lambda storage: storage.get_owner(),
    "delete_file": lambda storage: storage.delete_file("1", "input"),
    "take": lambda storage: Epoch(storage.objects).take(),
    "check": lambda storage: Epoch(storage.objects).check(),
}
LARGE_CALLS: dict[str, Callable[[JobStorage], Awaitable[object]]] = {
    "put_input": lambda storage: storage.put_input("1", io.BytesIO(b"x")),
    "put_result": lambda storage: storage.put_result("1", 1, io.BytesIO(bytes(12 << 20))),
    "get_input": lambda storage: storage.get_input("1"),
    "stream_result": lambda storage: storage.stream_result("1", "result.1"),
    "records": listed,
    "folders": lambda storage: storage.folders(),
    "delete_folder": lambda storage: storage.delete_folder("1"),
}
CALLS = SMALL_CALLS | LARGE_CALLS


async def all_fail(storage: JobStorage, calls: dict[str, Callable[[JobStorage], Awaitable[object]]]) -> float:
    """Make the calls at once. Each must raise a StorageError of one line; returns how long the slowest took, in s."""
    started_at = time.monotonic()
    answers = await asyncio.gather(*(call(storage) for call in calls.values()), return_exceptions=True)
    took_s = time.monotonic() - started_at
    for name, answer in zip(calls, answers, strict=True):
        assert isinstance(answer, StorageError), (name, answer)
        assert "\n" not in str(answer), name
    return took_s


async def test_a_listing_is_read_to_its_end(s3_storage):
    """A page of S3 has 1000 keys."""
    for first in range(0, 1100, 50):
        await asyncio.gather(*(s3_storage.put_record(str(job_id), b"{}") for job_id in range(first, first + 50)))
    assert set(await s3_storage.folders()) == {str(job_id) for job_id in range(1100)}
    assert len(await listed(s3_storage)) == 1100


async def test_two_storages_in_one_bucket_do_not_see_each_other(s3_storage):
    bucket = s3_storage.objects.config["bucket"]
    other = open_storage(f"s3://{bucket}/other")
    await s3_storage.put_record("1", b"{}")
    assert await other.folders() == {}
    assert await open_storage(f"s3://{bucket}/up/scaler").folders() == await s3_storage.folders()


async def test_a_server_that_is_down_is_a_storage_error(s3_environment):
    s3_environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    assert await all_fail(open_storage("s3://bucket/prefix"), CALLS) < FAILS_WITHIN_S


@pytest.fixture
def hangs(s3_environment) -> Iterator[None]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        s3_environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        yield


async def test_a_server_that_hangs_fails_a_small_call_before_its_caller_gives_up(hangs):
    """Well before the read timeout, 20 s; the callers of the JobStore wait for 5 s."""
    assert SMALL_S < 5
    assert await all_fail(open_storage("s3://bucket/prefix"), SMALL_CALLS) < FAILS_WITHIN_S


async def test_a_server_that_hangs_fails_every_call_within_the_read_timeout_that_the_operator_sets(
    hangs, s3_environment
):
    s3_environment.setenv("AWS_READ_TIMEOUT", "1s")
    assert await all_fail(open_storage("s3://bucket/prefix"), LARGE_CALLS) < FAILS_WITHIN_S


@pytest.mark.parametrize("status", [403, 500, 503])
async def test_a_server_that_refuses_is_a_storage_error(s3_environment, status):
    class Refusing(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        s3_environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        assert await all_fail(open_storage("s3://bucket/prefix"), CALLS) < FAILS_WITHIN_S
        server.shutdown()


async def test_a_bucket_that_does_not_exist_cannot_be_written(s3_storage):
    storage = open_storage("s3://no-such-bucket/prefix")
    calls = {name: call for name, call in CALLS.items() if name.startswith("put") or name in ("take", "records")}
    await all_fail(storage, calls)
