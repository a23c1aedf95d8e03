"""`upscale FILES_AND_FOLDERS...`: check all, load the model once, enlarge one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upscaler.catalogue import find_spec, load_catalogue
from upscaler.cli.arguments import Arguments
from upscaler.cli.checks import Job, checked
from upscaler.cli.display import Display
from upscaler.cli.models import how_to_have
from upscaler.cli.outcome import failed
from upscaler.cli.sources import Source, find_sources
from upscaler.cli.targets import Targets
from upscaler.errors import ModelNotFoundError, UpscalerError, WeightsError
from upscaler.weights import Weights, WeightsStore, default_cache_dir

if TYPE_CHECKING:
    from upscaler.catalogue import ModelSpec
    from upscaler.model import Model


class Run:
    """One command from its arguments to its results. `enlarge` it once; `num_failed` is known then."""

    def __init__(self, arguments: Arguments, display: Display) -> None:
        self._arguments, self._display = arguments, display
        self.num_files = self.num_done = self.num_failed = 0
        self.is_stuck = False
        """Whether threads are left that would hold up the end of the program."""

    def enlarge(self) -> None:
        """Raises UpscalerError or OSError when there can be no results at all."""
        spec = find_spec(load_catalogue(), self._arguments.model)
        weights = _weights(spec, self._arguments)
        found = list(find_sources(self._arguments.inputs, self._arguments.folder))
        inputs = {source.path.resolve() for source in found} if self._arguments.overwrites else set()
        asked = self._arguments
        targets = Targets(asked.folder, asked.name, asked.scale, inputs, overwrites=asked.overwrites)
        jobs = self._jobs(found, targets)
        if jobs:
            self._compute(jobs, targets, spec, weights)

    def _jobs(self, found: list[Source], targets: Targets) -> list[Job]:
        """All that can be enlarged. What cannot is told before the model is loaded."""
        jobs, self.num_files = list[Job](), len(found)
        for number, source in enumerate(found):
            self._display.checking(number, len(found))
            try:
                jobs.append(checked(source, self._arguments, targets))
            except (UpscalerError, OSError, MemoryError) as error:
                self.num_failed += 1
                self._display.ended(failed(source.path, error))
        return jobs

    def _compute(self, jobs: list[Job], targets: Targets, spec: ModelSpec, weights: Weights) -> None:
        from upscaler.cli.batch import Batch  # torch takes seconds: what can fail without it, has by now

        model = _loaded(spec, weights, self._arguments)
        device = model.device
        self._display.say(f"{spec.name} on {device.torch_device} in {device.dtype_name}: {device.reason}")
        batch = Batch(model, self._arguments, targets, self._display)
        try:
            with batch:
                for outcome in batch.outcomes(jobs):
                    self.num_done += outcome.result is not None
                    self.num_failed += outcome.result is None
                    self._display.ended(outcome)
        finally:
            self.is_stuck = batch.is_stuck


def _weights(spec: ModelSpec, arguments: Arguments) -> Weights:
    """Nothing is fetched from the network that was not asked for."""
    mine = arguments.weights
    found = WeightsStore(default_cache_dir(), {spec.name: mine} if mine else {}).find(spec)
    if found:
        return found
    if mine:
        raise WeightsError(f"the weights {mine} cannot be read: there is no such file")
    raise ModelNotFoundError(f"the weights of {spec.name} are not on this machine: {how_to_have(spec)}")


def _loaded(spec: ModelSpec, weights: Weights, arguments: Arguments) -> Model:
    from upscaler.device import select_device
    from upscaler.model import load_model

    device = select_device(arguments.device, arguments.dtype, memory_budget_bytes=arguments.memory_budget_bytes)
    return load_model(spec, weights, device)
