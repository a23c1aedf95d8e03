"""Two pictures are in hand at once: one is computed, the other one decoded or encoded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.pictures import png
from tests.unit.upscaler.cli.command import FAST, below
from tests.unit.upscaler.doubles import WAIT_S
from upscaler.cli.arguments import read_arguments
from upscaler.cli.batch import Bar, Batch, Job, Result
from upscaler.cli.checks import checked
from upscaler.cli.display import Display
from upscaler.cli.sources import find_sources
from upscaler.cli.targets import Targets
from upscaler.model import Model


class Watched(Batch):
    """Tells what it does, and can be held at it. `begun` has an event for each stage of each file."""

    def __init__(self, model: Model, names: Sequence[str], folder: Path, grace_s: float = WAIT_S) -> None:
        arguments = read_arguments([*names, "-o", str(folder), *FAST])
        targets = Targets(folder, None, 4, set(), overwrites=False)
        super().__init__(model, arguments, targets, Display(is_json=False, is_quiet=True), grace_s)
        self.jobs = [checked(source, arguments, targets) for source in find_sources(arguments.inputs, None)]
        self.begun = {(stage, name): threading.Event() for stage in ("decode", "compute", "encode") for name in names}
        self.waits: dict[tuple[str, str], threading.Event] = {}
        self.in_hand = self.most_in_hand = 0
        self._counting = threading.Lock()
        self._here = threading.local()

    def _result(self, job: Job, bar: Bar) -> Result:
        self._here.name = job.file.name
        with self._counting:
            self.in_hand += 1
            self.most_in_hand = max(self.most_in_hand, self.in_hand)
        try:
            return super()._result(job, bar)
        finally:
            with self._counting:
                self.in_hand -= 1

    def _decoded(self, job):
        self._begin("decode")
        return super()._decoded(job)

    def _computed(self, layers, number, bar):
        self._begin("compute")
        return super()._computed(layers, number, bar)

    def _written(self, *what):
        self._begin("encode")
        return super()._written(*what)

    def _begin(self, stage: str) -> None:
        at = (stage, self._here.name)
        self.begun[at].set()
        if at in self.waits:
            assert self.waits[at].wait(WAIT_S), at


@pytest.fixture
def names(tmp_path, monkeypatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    names = [f"{number}.png" for number in range(5)]
    for number, name in enumerate(names):
        Path(name).write_bytes(png(number, 8, 8))
    return names


def test_the_next_is_decoded_and_the_last_encoded_while_one_is_computed(animevideo, names):
    batch = Watched(animevideo, names[:3], Path("out"))
    one, two, three = names[:3]
    batch.waits[("decode", two)] = batch.begun[("compute", one)]
    batch.waits[("compute", one)] = batch.begun[("decode", two)]
    batch.waits[("encode", one)] = batch.begun[("compute", two)]
    batch.waits[("compute", two)] = batch.begun[("decode", three)]
    with batch:
        outcomes = list(batch.outcomes(batch.jobs))
    assert [outcome.error for outcome in outcomes] == [""] * 3
    assert not batch.is_stuck


def test_there_are_never_more_than_two_in_hand(animevideo, names):
    batch = Watched(animevideo, names, Path("out"))
    with batch:
        assert len(list(batch.outcomes(batch.jobs))) == 5
    assert batch.most_in_hand == 2
    assert len(below(Path("out"))) == 5


def test_what_cannot_be_interrupted_is_known_and_leaves_nothing(animevideo, names):
    batch = Watched(animevideo, names[:1], Path("out"), grace_s=0.0)
    batch.waits[("encode", names[0])] = threading.Event()
    with batch:
        outcomes = batch.outcomes(batch.jobs)
        reader = threading.Thread(target=lambda: [outcome.error for outcome in outcomes])
        reader.start()
        assert batch.begun[("encode", names[0])].wait(WAIT_S)
    assert batch.is_stuck
    batch.waits[("encode", names[0])].set()
    reader.join(WAIT_S)
    assert below(Path("out")) == set()


def test_something_unexpected_fails_one_file_alone(animevideo, names, capsys):
    class Failing(Watched):
        def _decoded(self, job):
            if job.file.name == names[0]:
                raise ZeroDivisionError("a bug")
            return super()._decoded(job)

    batch = Failing(animevideo, names[:2], Path("out"))
    with batch:
        outcomes = {outcome.file.name: outcome for outcome in batch.outcomes(batch.jobs)}
    assert outcomes[names[0]].error == "something unexpected happened: ZeroDivisionError: a bug"
    assert outcomes[names[1]].result.output == Path("out/1_x4.png")
