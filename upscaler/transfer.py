"""The way of pixels to the device and back: bytes in, bytes out, whatever is between runs ahead."""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from upscaler.pictures.values import Values, top

Pixels = Values
"""(H, W, 3) RGB, of 8 or of 16 bits."""

AHEAD = 2
"""Pieces that may be queued on a GPU beside the one in work: enough to keep it busy, few enough that
progress, turns and cancelling stay true."""


def to_tensor(pixels: Pixels, device: torch.device, dtype: torch.dtype, multiple: int) -> Tensor:
    """(H, W, 3) pixels to a (1, 3, H, W) tensor in 0…1, sides padded up to a multiple by reflection."""
    height, width, _ = pixels.shape
    values = np.array(pixels, np.uint8 if pixels.dtype == np.uint8 else np.float32)  # torch hardly knows uint16
    x = torch.from_numpy(values).to(device).permute(2, 0, 1)[None].float().div_(float(top(pixels)))
    below, right = -height % multiple, -width % multiple
    if below or right:
        x = F.pad(x, (0, right, 0, below), "reflect" if min(height, width) > 1 else "replicate")
    return x.to(dtype).contiguous(memory_format=torch.channels_last)


class Pace:
    """Keeps the thread that queues work from running away from a GPU. On a processor it does nothing."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._queued: deque[torch.cuda.Event] = deque()

    def piece_queued(self) -> None:
        """Wait until at most AHEAD pieces are queued."""
        if self._device.type != "cuda":
            return
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        self._queued.append(event)
        if len(self._queued) > AHEAD:
            self._queued.popleft().synchronize()


class Receiver:
    """Turns finished rows into pixels of `target`, (H, W, 3), of its 8 or 16 bits. What a GPU has to send is copied
    while it goes on computing; `close` waits for the last of it."""

    def __init__(self, target: Pixels) -> None:
        self._target, self._top = target, top(target)
        self._dtype = torch.uint8 if target.dtype == np.uint8 else torch.int32
        self._on_the_way: deque[tuple[slice, Tensor, torch.cuda.Event]] = deque()
        self._finite: Tensor | None = None

    def receive(self, lines: slice, rows: Tensor) -> None:
        """Take a (1, 3, N, W) tensor in 0…1 for these lines of the target. Rounds, clamps, may be NaN."""
        y = rows[0].permute(1, 2, 0).float()
        finite = torch.isfinite(y).all()
        self._finite = finite if self._finite is None else self._finite & finite
        values = y.clamp(0.0, 1.0).mul_(self._top).round_().to(self._dtype)
        if values.is_cuda:
            self._send_for(lines, values)
        else:
            self._target[lines] = values.numpy()

    def close(self) -> bool:
        """Wait for all rows. False when a value somewhere in them was not finite."""
        while self._on_the_way:
            self._arrive()
        return self._finite is None or bool(self._finite)

    def _send_for(self, lines: slice, values: Tensor) -> None:
        page_locked = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)  # from torch's own cache
        page_locked.copy_(values, non_blocking=True)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        self._on_the_way.append((lines, page_locked, event))
        if len(self._on_the_way) > 1:
            self._arrive()

    def _arrive(self) -> None:
        lines, page_locked, event = self._on_the_way.popleft()
        event.synchronize()
        self._target[lines] = page_locked.numpy()
