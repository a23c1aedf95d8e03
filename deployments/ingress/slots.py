"""Slots: how many clients one process keeps waiting, by events or by `wait`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class Slots:
    """How many clients may be kept waiting at once. Whoever comes beyond is answered at once."""

    def __init__(self, most: int) -> None:
        self._most, self._taken = most, 0

    @contextlib.contextmanager
    def one(self) -> Iterator[bool]:
        """Whether there was one."""
        is_free = self._taken < self._most
        self._taken += is_free
        try:
            yield is_free
        finally:
            self._taken -= is_free
