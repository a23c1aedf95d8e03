"""What is shown: a bar for each file under way, and a line for each that is done.

Bars and errors go to stderr, results to stdout. Where stderr is no terminal there are no bars.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from upscaler_client.command.outcome import Outcome, printable
from upscaler_client.status import Status

LONGEST_NAME = 30


class Bar:
    """One file's: how much is sent, then its place in the queue, then how much is computed."""

    def __init__(self, progress: Progress, task: TaskID, say: Callable[[str], None]) -> None:
        self._progress, self._task, self._say = progress, task, say
        self._is_troubled = False

    def uploaded(self, sent_bytes: int, of_bytes: int) -> None:
        self._show(100 * sent_bytes / of_bytes, "uploading")

    def progressed(self, status: Status) -> None:
        self._is_troubled = False
        self._show(status.progress, note_of(status))

    def troubled(self, sentence: str) -> None:
        """Where there is no bar, a line says so, once until the service answers again."""
        self._progress.update(self._task, note=printable(sentence))
        if self._progress.disable and not self._is_troubled:
            self._say(sentence)
        self._is_troubled = True

    def _show(self, percent: float, note: str) -> None:
        self._progress.update(self._task, completed=percent, note=note)


def note_of(status: Status) -> str:
    """What a job is at, in a few words."""
    if status.has_ended:
        return "downloading"
    eta = "" if status.eta_seconds is None else f", {_time(status.eta_seconds)} left"
    if status.stage == "running":
        return f"{status.progress} %{eta}"
    place = "" if status.queue_position is None else f", number {status.queue_position} in the queue"
    return f"waiting{place}{eta}"


def _time(seconds: float) -> str:
    minutes, rest_s = divmod(round(seconds), 60)
    return f"{minutes} min {rest_s:02} s" if minutes else f"{rest_s} s"


class Display:
    """Use it by `with`. With `is_json`, a line of JSON for each file, and nothing else on stdout."""

    def __init__(self, *, is_json: bool) -> None:
        self._is_json = is_json
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        columns = (
            TextColumn("{task.fields[name]}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        has_bars = self._console.is_terminal and not is_json
        self._progress = Progress(*columns, console=self._console, disable=not has_bars, redirect_stdout=False)
        self._shares_terminal = has_bars and sys.stdout.isatty()

    @contextmanager
    def bar(self, file: Path) -> Iterator[Bar]:
        """Shown as long as the file is under way."""
        task = self._progress.add_task("", total=100, name=printable(file.name)[-LONGEST_NAME:], note="reading")
        try:
            yield Bar(self._progress, task, lambda sentence: self.say(f"{file}: {sentence}"))
        finally:
            self._progress.remove_task(task)

    def ended(self, outcome: Outcome) -> None:
        if self._is_json:
            print(json.dumps(outcome.document(), ensure_ascii=True), flush=True)
        elif outcome.error or self._shares_terminal:  # else the line would run into the bars
            self.say(outcome.sentence)
        else:
            print(outcome.sentence, flush=True)

    def say(self, sentence: str) -> None:
        """To the person who looks on."""
        self._console.print(printable(sentence))

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()
