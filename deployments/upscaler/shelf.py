"""The models of one replica, each loaded when first asked for."""

from __future__ import annotations

import threading

from upscaler.catalogue import Catalogue, find_spec
from upscaler.device import Device
from upscaler.model import Model, load_model
from upscaler.weights import WeightsStore


class ModelShelf:
    """`get` may be called from any thread; a model is loaded once."""

    def __init__(self, catalogue: Catalogue, weights: WeightsStore, device: Device) -> None:
        self.device = device
        self._catalogue, self._weights = catalogue, weights
        self._loaded: dict[str, Model] = {}
        self._turn = threading.Lock()

    def num_redone(self) -> int:
        """Tiles that the models have computed twice, the second time in float32."""
        return sum(model.num_redone for model in list(self._loaded.values()))

    def get(self, name: str) -> Model:
        """The model called `name`. Raises ModelNotFoundError or WeightsError."""
        with self._turn:
            if name not in self._loaded:
                spec = find_spec(self._catalogue, name)
                self._loaded[name] = load_model(spec, self._weights.require(spec), self.device)
            return self._loaded[name]
