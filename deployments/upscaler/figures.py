"""What an engine has done, told as figures."""

from __future__ import annotations

from deployments.metrics import catalogue as figures
from deployments.metrics.meter import Meter
from deployments.upscaler.shelf import ModelShelf
from upscaler.engine import Engine, Tally


class EngineFigures:
    """The engine keeps a tally and knows no meter: `tell` adds what has come since the last time."""

    def __init__(self, meter: Meter, engine: Engine, shelf: ModelShelf) -> None:
        self._meter, self._engine, self._shelf = meter, engine, shelf
        self._told, self._told_redone = Tally(0, 0.0), 0

    def tell(self) -> None:
        tally, num_redone = self._engine.tally, self._shelf.num_redone()
        self._meter.count(figures.QUANTA, tally.num_pieces - self._told.num_pieces)
        self._meter.count(figures.ENGINE_BUSY_S, tally.busy_s - self._told.busy_s)
        self._meter.count(figures.DTYPE_RETRIES, num_redone - self._told_redone)
        self._told, self._told_redone = tally, num_redone
