"""Batch: all files of one command, several at once, each from its upload to its result on disk."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from upscaler_client.async_client import AsyncClient
from upscaler_client.command.arguments import Arguments
from upscaler_client.command.display import Bar, Display
from upscaler_client.command.outcome import Outcome
from upscaler_client.command.results import Results, sync
from upscaler_client.errors import OutOfTimeError, UpscalerError

CANCEL_S, DELETE_S = 5.0, 5.0


class Batch:
    """`run` it once. Cancelled, it cancels its jobs at the service."""

    def __init__(self, arguments: Arguments, client: AsyncClient, display: Display) -> None:
        self._arguments, self._client, self._display = arguments, client, display
        self._results = Results(arguments.folder, arguments.scale, overwrites=arguments.overwrites)
        self._turns = asyncio.Semaphore(arguments.num_at_once)
        self._cancelled: list[str] = []
        self._left_behind: list[str] = []

    async def run(self) -> list[Outcome]:
        checked = [(file, self._objection(file)) for file in self._arguments.files]  # all, before there is a result
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._ended(file, objection)) for file, objection in checked]
        except asyncio.CancelledError:
            self._display.say(self._farewell())
            raise
        return [task.result() for task in tasks]

    def _objection(self, file: Path) -> OSError | None:
        """What speaks against sending this file at all."""
        try:
            self._results.check(file, self._arguments.options["format"])
        except OSError as error:
            return error
        return None

    async def _ended(self, file: Path, objection: OSError | None) -> Outcome:
        """What goes wrong with one file is that file's outcome, and no other's."""
        async with self._turns:
            try:
                outcome = Outcome(file, error=objection) if objection else await self._upscaled(file)
            except (UpscalerError, OSError) as error:
                outcome = Outcome(file, error=error)
            self._display.ended(outcome)
            return outcome

    async def _upscaled(self, file: Path) -> Outcome:
        """Raises OutOfTimeError: nobody would come for the job any more, so it is cancelled."""
        timeout_s = self._arguments.timeout_s
        try:
            with self._display.bar(file) as bar:
                async with asyncio.timeout(timeout_s) as limit:
                    return await self._followed(file, bar)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise OutOfTimeError(f"It was not done within {timeout_s:g} s.") from error

    async def _followed(self, file: Path, bar: Bar) -> Outcome:
        asked = self._arguments
        job_id = await self._client.submit(
            file, asked.scale, on_upload=bar.uploaded, on_trouble=bar.troubled, **asked.options
        )
        try:
            return await self._fetched(file, job_id, bar)
        except asyncio.CancelledError:
            await self._cancel(job_id)
            raise

    async def _fetched(self, file: Path, job_id: str, bar: Bar) -> Outcome:
        """The service keeps its result until ours is on disk under its name."""
        status = await self._client.wait(job_id, on_progress=bar.progressed, on_trouble=bar.troubled)
        with self._results.part() as part:
            with part.open("xb") as result:
                await self._client.download_into(job_id, result, on_trouble=bar.troubled)
                sync(result)
            output = self._results.publish(part, file)
        with contextlib.suppress(UpscalerError):  # it will expire there by itself
            await self._client.delete(job_id, timeout_s=DELETE_S)
        return Outcome(file, output, status)

    async def _cancel(self, job_id: str) -> None:
        try:
            await self._client.delete(job_id, timeout_s=CANCEL_S)
            self._cancelled.append(job_id)
        except UpscalerError:
            self._left_behind.append(job_id)

    def _farewell(self) -> str:
        said = f"interrupted; unfinished jobs cancelled: {len(self._cancelled)}"
        if self._left_behind:
            said += f"; not cancelled, since the service did not answer: {', '.join(self._left_behind)}"
        return said
