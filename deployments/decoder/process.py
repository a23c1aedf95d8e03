"""The zygote as the service has it: a process that is started, asked to fork, and ended."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from deployments.errors import DecoderError

GOING_S = 2.0
"""How long a zygote whose door was closed is waited for."""

INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")
"""Of the environment. Children have no use for the credentials that may be there."""

SETTINGS = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "VIPS_CONCURRENCY": "1",
    "MALLOC_ARENA_MAX": "2",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # large pages, for children with large pictures
}
START = (
    "import json, os, sys; os.register_at_fork = lambda **_: None; sys.path[:] = json.loads(sys.argv[1]); "
    "from deployments.decoder.zygote import main; main()"
)
"""Nothing is to be mended after a fork, since there is one thread, and it holds no lock: modules that would, do not."""


class ZygoteProcess:
    """`start` it, `fork` by it, `close` it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._door: socket.socket | None = None
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Have it run. One that has ended is replaced. Raises DecoderError."""
        if self._is_closed:
            raise DecoderError("the decoder was closed")
        if self._process is not None and self._process.poll() is None:
            return
        self._let_go()
        try:
            self._begin()
        except OSError as error:
            raise DecoderError("no decoder can be started") from error

    def _begin(self) -> None:
        self._door, theirs = socket.socketpair()
        with theirs:
            path = json.dumps([str(Path(entry or ".").absolute()) for entry in sys.path])
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-I", "-S", "-c", START, path],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={name: os.environ[name] for name in INHERITED if name in os.environ} | SETTINGS,
                start_new_session=True,
            )

    def fork(self, line: bytes, source: int, target: int) -> socket.socket:
        """Our end of the connection to a new child with this task and these files. Raises DecoderError."""
        self.start()
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise DecoderError("no decoder can be reached") from error
        with theirs:
            try:
                assert self._door is not None  # noqa: S101 - `start` has made it
                socket.send_fds(self._door, [line], [theirs.fileno(), source, target])
            except OSError as error:
                ours.close()
                raise DecoderError("the decoder takes no picture") from error
        return ours

    def close(self) -> None:
        """End it and whatever it has running, for good."""
        self._is_closed = True
        self._let_go()

    def _let_go(self) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None
        if self._process is not None:
            try:
                self._process.wait(GOING_S)  # with its door closed it ends its children, and itself
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
