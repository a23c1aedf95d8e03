"""Faults that no client can cause: loaded by Python itself, where the fault tests put this folder on
PYTHONPATH, and by nothing else.

What a job's file is called says what befalls it. The file `clock` in UPSCALER_FAULTS_DIR holds the seconds
by which the wall clock is wrong.
"""

from __future__ import annotations

import ctypes
import importlib.abc
import importlib.util
import os
import signal
import time
from pathlib import Path

CONTROL = Path(os.environ["UPSCALER_FAULTS_DIR"])
STALL_S = 10.0


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def first_time(name: str) -> bool:
    """Whether nobody has asked this of `name` before."""
    try:
        (CONTROL / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def wrong_clock(module) -> None:
    def wall(_self) -> float:
        try:
            return time.time() + float((CONTROL / "clock").read_text())
        except (OSError, ValueError):
            return time.time()

    module.SystemClock.wall = wall


class Hanging:
    """A model in whose kernels the engine's thread stays."""

    def __init__(self, model) -> None:
        self._model = model

    def __getattr__(self, name):
        return getattr(self._model, name)

    def upscale(self, _pixels):
        time.sleep(3600)
        yield 1


def poison(module) -> None:
    enlarged, run = module.Work._enlarged, module.Work.run

    async def poisoned(self, engine, model, picture):
        name = self.grant.order.filename
        if name == "segfault":
            ctypes.string_at(0)
        if name == "exit":
            os._exit(3)
        return await enlarged(self, engine, Hanging(model) if name == "hang" else model, picture)

    async def cut_off(self, *args):
        result = await run(self, *args)
        if self.grant.order.filename == "unpublished" and self.grant.fence == 1:
            die()
        return result

    module.Work._enlarged, module.Work.run = poisoned, cut_off


def impatient(module) -> None:
    module.STALL_S = STALL_S


def unanswered(module) -> None:
    submit = module.RemoteStore.submit

    async def cut_off(self, job_id, order, *args):
        record = await submit(self, job_id, order, *args)
        if order.filename == "unanswered" and first_time("unanswered"):
            die()
        return record

    module.RemoteStore.submit = cut_off


def bug(module) -> None:
    options = module.Admission.options

    def mistaken(self, upload):
        if upload.filename == "bug.png":
            raise KeyError("somebody has made a mistake")
        return options(self, upload)

    module.Admission.options = mistaken


PATCHES = {
    "deployments.ingress.admission": bug,
    "deployments.jobs.clock": wrong_clock,
    "deployments.jobs.remote": unanswered,
    "deployments.upscaler.work": poison,
    "deployments.upscaler.deployment": impatient,
}


class Patching(importlib.abc.MetaPathFinder):
    """Changes a module right after it has been loaded."""

    def find_spec(self, fullname, path, target=None):
        patch = PATCHES.pop(fullname, None)
        spec = importlib.util.find_spec(fullname) if patch else None
        if patch and spec and spec.loader:
            load = spec.loader.exec_module

            def load_and_patch(module) -> None:
                load(module)
                patch(module)

            spec.loader.exec_module = load_and_patch
        return spec


import sys

sys.meta_path.insert(0, Patching())
