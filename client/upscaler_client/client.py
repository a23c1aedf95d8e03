"""Client: the calls of the service, for programs that may block."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import BinaryIO, Self, TypeVar, Unpack

import httpx

from upscaler_client.caller import PATIENCE_S, QUEUEING_S, Caller
from upscaler_client.conversation import Listeners
from upscaler_client.exchange import Reply, Request, Steps, answer_of
from upscaler_client.options import Image, Options, fields_of, source_of
from upscaler_client.status import Status
from upscaler_client.wire import lost, prepared

T = TypeVar("T")


class Client(Caller):
    """Many threads may use one. Close it, or use it by `with`.

    `patience_s` is how long a call goes on while the service does not answer, `queueing_s` how long while it asks to
    come again later. A call's `timeout_s` bounds all of it; None does not. `transport`, `clock` and `sleep` are for
    proxies and for tests. Every call raises UpscalerError.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        patience_s: float = PATIENCE_S,
        queueing_s: float = QUEUEING_S,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(url, key, patience_s, queueing_s, clock)
        self._http = httpx.Client(transport=transport, follow_redirects=False)  # the key is for this host alone
        self._sleep = sleep

    def upscale(
        self,
        image: Image,
        scale: int = 4,
        *,
        on_progress: Callable[[Status], None] | None = None,
        on_upload: Callable[[int, int], None] | None = None,
        on_trouble: Callable[[str], None] | None = None,
        timeout_s: float | None = None,
        **options: Unpack[Options],
    ) -> bytes:
        """The bytes of the enlarged image; `image` is the bytes of a file, or its path.

        `on_progress` is given the job's status every two seconds or so, `on_upload` how many bytes of how many are
        sent, `on_trouble` a sentence about what is tried again.
        """
        source, name = source_of(image)
        file, listeners = io.BytesIO(), Listeners(on_upload, on_progress, on_trouble)
        steps = self._conversation(timeout_s, listeners).upscale(source, name, fields_of(scale, options), file)
        self._run(steps)
        return file.getvalue()

    def submit(
        self,
        image: Image,
        scale: int = 4,
        *,
        on_upload: Callable[[int, int], None] | None = None,
        on_trouble: Callable[[str], None] | None = None,
        timeout_s: float | None = None,
        **options: Unpack[Options],
    ) -> str:
        """The id of the job. It is on the service's disk."""
        source, name = source_of(image)
        listeners = Listeners(on_upload=on_upload, on_trouble=on_trouble)
        return self._run(self._conversation(timeout_s, listeners).submit(source, name, fields_of(scale, options)))

    def status(self, job_id: str, *, wait_s: int = 0, timeout_s: float | None = None) -> Status:
        """How the job stands: when it has ended, or after `wait_s` (60 at most)."""
        return self._run(self._conversation(timeout_s).status(job_id, wait_s))

    def wait(
        self,
        job_id: str,
        *,
        on_progress: Callable[[Status], None] | None = None,
        on_trouble: Callable[[str], None] | None = None,
        timeout_s: float | None = None,
    ) -> Status:
        """The status of the job when it is completed. Raises JobFailedError."""
        listeners = Listeners(on_progress=on_progress, on_trouble=on_trouble)
        return self._run(self._conversation(timeout_s, listeners).wait(job_id))

    def download(self, job_id: str, *, timeout_s: float | None = None) -> bytes:
        """The result of a completed job, compared with its digest and then deleted at the service."""
        file = io.BytesIO()
        self._run(self._conversation(timeout_s).download(job_id, file))
        return file.getvalue()

    def download_into(
        self,
        job_id: str,
        file: BinaryIO,
        *,
        on_trouble: Callable[[str], None] | None = None,
        timeout_s: float | None = None,
    ) -> Status:
        """Write the result into a file that can be sought in, and compare it with its digest.

        The service keeps it until you call `delete`: do that when your file is safe.
        """
        listeners = Listeners(on_trouble=on_trouble)
        return self._run(self._conversation(timeout_s, listeners).download_into(job_id, file))

    def delete(self, job_id: str, *, timeout_s: float | None = None) -> Status:
        """Cancel the job, or delete its result."""
        return self._run(self._conversation(timeout_s).delete(job_id))

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, steps: Steps[T]) -> T:
        """Do what the steps say, until they have come to an end."""
        try:
            attempt = next(steps)
            while True:
                if attempt.after_s > 0:
                    self._sleep(attempt.after_s)
                attempt = steps.send(self._reply(attempt.request))
        except StopIteration as end:
            value: T = end.value
            return value
        finally:
            steps.close()

    def _reply(self, request: Request) -> Reply:
        try:
            with prepared(self._origin, request) as sent:
                response = self._http.send(sent, stream=True)
                try:
                    intake = request.intake(response.status_code)
                    for chunk in response.iter_bytes():
                        intake.take(chunk)
                finally:
                    response.close()
        except (httpx.TransportError, httpx.DecodingError) as error:
            return lost(error)
        return answer_of(response.status_code, response.headers, intake)
