"""The zygote: one thread, the codecs loaded, no picture of a stranger ever seen. It forks a child for each picture.

A fork takes milliseconds where an interpreter with its imports takes hundreds, and what a picture does to its child
ends with the child. For each child there is a connection: who closes its other end, ends the child; when the child
has ended, its exit status is the connection's last line.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable

import pyvips  # noqa: F401 - so that children have it; it starts no threads before its first image

from deployments.decoder import child, linux
from deployments.decoder.rehearsal import rehearse
from deployments.decoder.wire import MAX_LINE_BYTES, Ask

FDS = 3
"""With each task: the child's connection, the file to read, the file to write."""


class Zygote:
    """Serves the socket `door` until its other end is closed."""

    def __init__(self, door: socket.socket) -> None:
        self._door = door
        self._connections: dict[int, socket.socket] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._poll = select.poll()

    def run(self) -> None:
        """Fork, watch, report. On its way out it ends what still runs."""
        signal.set_wakeup_fd(self._wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._poll.register(self._door, select.POLLIN)
        self._poll.register(self._wake_read, select.POLLIN)
        try:
            while self._step():
                pass
        finally:
            for pid in self._connections:
                os.kill(pid, signal.SIGKILL)

    def _step(self) -> bool:
        """Wait for what happens next, and act upon it. False when nobody is left to serve."""
        for fd, _ in self._poll.poll():
            if fd == self._wake_read:
                os.read(fd, 512)
            elif fd == self._door.fileno():
                if not self._accept():
                    return False
            else:
                self._end(fd)
        self._reap()
        return True

    def _accept(self) -> bool:
        line, fds, _, _ = socket.recv_fds(self._door, MAX_LINE_BYTES, FDS)  # never two at once: each has its fds
        if not line:
            return False
        (source, target), had_bytes = fds[1:], linux.addresses()
        ask, connection = Ask.from_line(line), socket.socket(fileno=fds[0])
        pid = os.fork()
        if not pid:
            self._become_child(lambda: child.serve(ask, connection, source, target, had_bytes))
        os.close(source)
        os.close(target)
        self._connections[pid] = connection
        self._poll.register(connection, 0)  # of which only the end is told
        return True

    def _become_child(self, serve: Callable[[], None]) -> None:
        """Never returns."""
        status = os.EX_SOFTWARE
        try:
            linux.die_with_parent()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (self._door, *self._connections.values()):
                other.close()
            serve()
            status = os.EX_OK
        except BaseException:  # noqa: BLE001 - whatever it is, the zygote's loop must not run twice
            traceback.print_exc()
        finally:
            os._exit(status)

    def _end(self, fd: int) -> None:
        """The other end has gone: nobody wants the picture any more."""
        self._poll.unregister(fd)
        for pid, connection in self._connections.items():
            if connection.fileno() == fd:
                os.kill(pid, signal.SIGKILL)  # it is still ours to kill: it has not been waited for

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._tell(*ended)

    def _tell(self, pid: int, status: int) -> None:
        with self._connections.pop(pid) as connection:
            with contextlib.suppress(KeyError):
                self._poll.unregister(connection)
            with contextlib.suppress(OSError):
                line = json.dumps({"exit": os.waitstatus_to_exitcode(status)}).encode() + b"\n"
                connection.send(line, socket.MSG_DONTWAIT)


def main() -> None:
    """Serve standard input, which is a socket."""
    linux.use_huge_pages(yes=False)
    warnings.simplefilter("ignore")  # libraries warn of damage that they can live with
    rehearse()
    gc.collect()
    gc.freeze()  # what children do not write, they share
    Zygote(socket.socket(fileno=sys.stdin.fileno())).run()
