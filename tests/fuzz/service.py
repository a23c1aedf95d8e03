"""The real application over a store and a storage in memory, watched from outside."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
import traceback
import warnings

from obstore.store import MemoryStore

from deployments.decoder.decoder import Decoder
from deployments.ingress.access import Access
from deployments.ingress.admission import Admission, Serving
from deployments.ingress.api import create_app
from deployments.ingress.backend import Backend
from deployments.jobs.policy import Policy
from deployments.jobs.store import JobStore
from deployments.storage.storage import JobStorage
from tests.fuzz.calls import Answer, Call, ask, broken_rule
from tests.unit.deployments.conftest import FakeClock
from upscaler.catalogue import load_catalogue
from upscaler.pictures.picture import Limits

MODELS = ("realesr-animevideov3", "realesrgan-x4plus")
MAX_UPLOAD_BYTES = 3 << 20
MAX_ANSWER_S = 5.0
MAX_LINES = 5
"""Of the log, for one request of a client's."""

RENEW_AFTER = 500
OPEN_FILES = "/proc/self/fd"


class Service:
    """Asks, and says which rule an answer breaks. A new store comes now and then, so that none fills up."""

    def __init__(self) -> None:
        self.serving = Serving(
            load_catalogue(), MODELS, MODELS[0], Limits(max_input_px=10_000), 200.0, MAX_UPLOAD_BYTES
        )
        self.bugs = _Bugs()
        self._decoder = Decoder()
        self._asked = 0
        self._store: JobStore | None = None

    async def start(self) -> None:
        logging.getLogger().addHandler(self.bugs)
        self._decoder.start()
        await self._renew()

    async def close(self) -> None:
        logging.getLogger().removeHandler(self.bugs)
        if self._store is not None:
            await self._store.close()
        self._decoder.close()

    async def _renew(self) -> None:
        if self._store is not None:
            await self._store.close()
        self.storage = JobStorage(MemoryStore(), None)
        self._store = JobStore(self.storage, Policy(), FakeClock())
        await self._store.start()
        admission = Admission(self.serving, self._decoder)
        self.app = create_app(Backend(self._store, self.storage, admission, access=Access(("*",))))

    async def broken_rule(self, call: Call) -> tuple[str | None, Answer | None]:
        """The rule that is broken, and the answer if there is one."""
        rule, answer = await self._broken_rule(call)
        if rule is not None and rule.startswith("slow"):  # the machine may have had other things to do
            rule, answer = await self._broken_rule(call)
        return rule, answer

    async def _broken_rule(self, call: Call) -> tuple[str | None, Answer | None]:
        self._asked += 1
        if self._asked % RENEW_AFTER == 0:
            await self._renew()
        self.bugs.forget()
        files = _open_files()
        started = time.monotonic()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # charsets that warn of what they decode
                answer = await ask(self.app, call)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
            return f"raised {said(error)}", None
        if time.monotonic() - started > MAX_ANSWER_S:
            return "slow: no answer within 5 s", answer
        if self.bugs.seen:
            return f"bug: {self.bugs.seen[0]}", answer
        if self.bugs.num_lines > MAX_LINES:
            return "floods the log", answer
        return broken_rule(call, answer) or await _left_open(files), answer

    async def stored(self, answer: Answer) -> bytes:
        """The bytes that a 202 has stored."""
        assert answer.document is not None
        return await self.storage.get_input(answer.document["job_id"])


def _open_files() -> int:
    return len(os.listdir(OPEN_FILES)) if os.path.isdir(OPEN_FILES) else 0  # noqa: PTH112, PTH208 - thousands a second


async def _left_open(before: int) -> str | None:
    """Spooled uploads have no name in any folder: only their descriptors can be counted."""
    for _ in range(3):
        if _open_files() <= before:
            return None
        with contextlib.suppress(TimeoutError):
            await asyncio.sleep(0)
    return "a temporary file is left open"


class _Bugs(logging.Handler):
    """What is logged, and what of it the service calls its own fault."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.forget()

    def forget(self) -> None:
        self.num_lines, self.seen = 0, list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.num_lines += 1
        if record.levelno < logging.ERROR:
            return
        error = record.exc_info[1] if record.exc_info else None
        self.seen.append(said(error) if error else record.getMessage())


def said(error: BaseException) -> str:
    """An error in words that are the same wherever its cause is."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "?"  # noqa: PTH119
    return f"{type(error).__name__} at {place}"
