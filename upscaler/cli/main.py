"""Entry point of the `upscale` command: which command it is, and errors as one sentence.

upscale FILES_AND_FOLDERS... [-o DIR] [--scale 2|3|4] [--model NAME] [--json]
upscale models [--weights-dir DIR]
upscale models pull NAME [--if-missing] [--weights-dir DIR]
upscale COMMAND …, where another package brings one (the service brings `purge`)

What takes time to import is imported late, so that an interruption finds a handler.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from types import FrameType

ALL_DONE, SOME_FAILED, INTERRUPTED = 0, 1, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 when all is done, 1 with sentences on stderr when not, 2 for wrong arguments, 130 when
    interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    for command in entry_points(group="upscaler.commands", name=words[0]) if words else ():
        return int(command.load()(words[1:]))
    with _interruptible():
        try:
            return _told(lambda: _models(words[1:]) if words[:1] == ["models"] else _enlarge(words))
        except KeyboardInterrupt:
            _complain("interrupted")
            return INTERRUPTED


def _models(words: Sequence[str]) -> int:
    from upscaler.cli.models import models

    models(words)
    return ALL_DONE


def _enlarge(words: Sequence[str]) -> int:
    from upscaler.cli.arguments import read_arguments
    from upscaler.cli.display import Display
    from upscaler.cli.enlarge import Run

    arguments = read_arguments(words)
    logging.getLogger("upscaler").addHandler(logging.NullHandler())  # errors are told by outcomes, without a traceback
    with Display(is_json=arguments.is_json, is_quiet=arguments.is_quiet) as display:
        run = Run(arguments, display)
        try:
            run.enlarge()
        except KeyboardInterrupt:
            display.complain(f"interrupted; done: {run.num_done} of {run.num_files}")
            status = INTERRUPTED
        else:
            status = SOME_FAILED if run.num_failed else ALL_DONE
    if status == INTERRUPTED and run.is_stuck:
        os._exit(status)
    return status


def _told(command: Callable[[], int]) -> int:
    """The command's exit status; its errors are told."""
    from upscaler.errors import UpscalerError

    _write_what_can_be_written()
    try:
        return command()
    except UpscalerError as error:
        _complain(str(error))
    except BrokenPipeError:
        _let_go_of_stdout()
        _complain("nobody reads the output")
    except OSError as error:
        _let_go_of_stdout()
        _complain(f"{error.filename or 'the disk'}: {error.strerror or error}")
    return SOME_FAILED


def _complain(sentence: str) -> None:
    from upscaler.cli.outcome import printable

    with contextlib.suppress(OSError):  # nobody reads that either
        print(f"upscale: {printable(sentence)}", file=sys.stderr, flush=True)


def _write_what_can_be_written() -> None:
    """Names of files have characters that not every terminal's encoding has."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a test's
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _let_go_of_stdout() -> None:
    """Python flushes it once more in the end, and would complain again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Being told to end, and the end of the terminal, are what Ctrl-C is: a KeyboardInterrupt, once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    signals = [number for name in names if signal.getsignal(number := getattr(signal, name)) != signal.SIG_IGN]

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)  # what is under way is being cleared up, which takes no time
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
