"""What is shown: a bar for all files and one for each under way, and a line for each that is done.

Bars and errors go to stderr, results to stdout. Where stderr is no terminal there are no bars.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from upscaler.cli.checks import Job
from upscaler.cli.outcome import Outcome, printable
from upscaler.cli.tally import Share, Tally

LONGEST_NAME = 30


class Bar:
    """One file's. Called from the thread that works on the file."""

    def __init__(self, show: Callable[[float | None, str], None], takes: Callable[[int], None]) -> None:
        self._show, self.takes = show, takes

    def says(self, note: str) -> None:
        self._show(None, note)

    def computed(self, fraction: float) -> None:
        self._show(fraction, f"{100 * fraction:.0f} %")


class Display:
    """Use it by `with`. With `is_json`, a line of JSON for each file, and nothing else on stdout; with `is_quiet`,
    nothing but failures for people."""

    def __init__(self, *, is_json: bool, is_quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_json, self._is_quiet, self._clock = is_json, is_quiet, clock
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        columns = (
            TextColumn("{task.fields[name]}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        has_bars = self._console.is_terminal and not is_json and not is_quiet
        self._progress = Progress(*columns, console=self._console, disable=not has_bars, redirect_stdout=False)
        self._shares_terminal = has_bars and sys.stdout.isatty()
        self._overall = self._progress.add_task("", name="checking", note="", total=None)
        self._tally, self._began_at = Tally({}), clock()
        self._turn = threading.Lock()

    def checking(self, num_checked: int, num_files: int) -> None:
        """Before there is any work."""
        self._progress.update(self._overall, completed=num_checked, total=num_files, note=f"{num_files} files")

    def expect(self, shares: Mapping[Path, Share]) -> None:
        """From here on the overall bar is that of the work, which begins now. Shares go by their job's target."""
        with self._turn:
            self._tally, self._began_at = Tally(shares), self._clock()
            self._refresh()

    @contextmanager
    def bar(self, job: Job) -> Iterator[Bar]:
        """Shown as long as the file is under way."""
        task = self._progress.add_task("", total=1.0, name=printable(job.file.name)[-LONGEST_NAME:], note="")
        try:
            yield Bar(
                lambda fraction, note: self._show(task, job, fraction, note), lambda passes: self._takes(job, passes)
            )
        finally:
            self._progress.remove_task(task)
            with self._turn:
                self._tally.ended(job.target)
                self._refresh()

    def ended(self, outcome: Outcome) -> None:
        if self._is_json:
            print(json.dumps(outcome.document(), ensure_ascii=True), flush=True)
        elif outcome.result is None:
            self.complain(outcome.sentence)
        elif not self._is_quiet:
            if self._shares_terminal:  # else the line would run into the bars
                self.say(outcome.sentence)
            else:
                print(outcome.sentence, flush=True)
            for loss in outcome.result.losses:
                self.say(f"{outcome.result.output}: {loss}")

    def say(self, sentence: str) -> None:
        """To the person who looks on, if there is one."""
        if not self._is_json and not self._is_quiet:
            self.complain(sentence)

    def complain(self, sentence: str) -> None:
        """To the person in any case."""
        self._console.print(printable(sentence))

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def _takes(self, job: Job, passes: int) -> None:
        with self._turn:
            self._tally.takes(job.target, passes)

    def _show(self, task: TaskID, job: Job, fraction: float | None, note: str) -> None:
        is_news = fraction is None  # painted at once: by the next turn of the bars it may be over
        self._progress.update(task, completed=fraction, note=note, refresh=is_news)
        with self._turn:
            if fraction is not None:
                self._tally.computed(job.target, fraction)
            self._refresh()

    def _refresh(self) -> None:
        tally, elapsed_s = self._tally, self._clock() - self._began_at
        name = f"{tally.num_ended} of {tally.num_files} file{'s' * (tally.num_files != 1)}"
        note = note_of(tally, elapsed_s)
        self._progress.update(self._overall, completed=tally.done_s, total=tally.total_s, name=name, note=note)


def note_of(tally: Tally, elapsed_s: float) -> str:
    """How fast the work goes, and how long it will still take or has taken."""
    eta_s = tally.eta_s(elapsed_s)
    if eta_s is None:
        return ""
    rate = f"{tally.px_per_s(elapsed_s) / 1e6:.2f} MP/s"
    return f"{rate}, in {_time(elapsed_s)}" if tally.num_ended == tally.num_files else f"{rate}, {_time(eta_s)} left"


def _time(seconds: float) -> str:
    minutes, rest_s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest_s:02} s" if minutes else f"{rest_s} s"
