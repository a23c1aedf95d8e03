"""upscale-client FILES... -o DIR --url URL"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Sequence

import httpx

from upscaler_client.async_client import AsyncClient
from upscaler_client.command.arguments import Arguments, read_arguments
from upscaler_client.command.batch import Batch
from upscaler_client.command.display import Display

ALL_DONE, SOME_FAILED, INTERRUPTED = 0, 1, 130


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; its exit status."""
    arguments = read_arguments(words)
    try:
        return asyncio.run(upscale(arguments))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED


async def upscale(arguments: Arguments, transport: httpx.AsyncBaseTransport | None = None) -> int:
    """All files, over httpx's own transport or another."""
    _cancel_when_terminated()
    origin = arguments.origin
    with Display(is_json=arguments.is_json) as display:
        async with AsyncClient(origin.url, origin.key, patience_s=arguments.patience_s, transport=transport) as client:
            outcomes = await Batch(arguments, client, display).run()
    return SOME_FAILED if any(outcome.error for outcome in outcomes) else ALL_DONE


def _cancel_when_terminated() -> None:
    """Being told to end is for the jobs as an interruption is."""
    task = asyncio.current_task()
    if task is not None:
        with contextlib.suppress(NotImplementedError):  # on Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
