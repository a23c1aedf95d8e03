"""The double behind a real socket, for programs that run in a process of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from client.tests.double import FakeService


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the double."""

    server: Server

    def answer(self) -> None:
        length = int(self.headers.get("content-length", 0))
        request = httpx.Request(
            self.command,
            f"http://127.0.0.1{self.path}",
            headers=dict(self.headers.items()),
            content=self.rfile.read(length),
        )
        with self.server.one_at_a_time:
            answer = self.server.service.handle_request(request)
        body = answer.read()
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name not in {"content-length", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815  (their names in http.server)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the same)
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, service: FakeService) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.service, self.one_at_a_time = service, threading.Lock()


@contextmanager
def served(service: FakeService) -> Iterator[str]:
    """The address of the double, as long as it is served."""
    with Server(service) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
