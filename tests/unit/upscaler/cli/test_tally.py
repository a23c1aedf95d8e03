"""How far the whole command is, by work and not by files."""

from __future__ import annotations

from pathlib import Path

import pytest

from upscaler.cli.display import note_of
from upscaler.cli.tally import Share, Tally

SMALL, LARGE = Path("small"), Path("large")


@pytest.fixture
def tally() -> Tally:
    return Tally({SMALL: Share(1.0, 1_000_000), LARGE: Share(9.0, 9_000_000)})


def test_what_is_left_is_estimated_by_work(tally):
    assert tally.eta_s(5.0) is None
    tally.computed(SMALL, 1.0)
    tally.ended(SMALL)
    assert (tally.num_ended, tally.num_files) == (1, 2)
    assert tally.eta_s(2.0) == pytest.approx(18.0)
    assert tally.px_per_s(2.0) == pytest.approx(500_000)
    tally.computed(LARGE, 0.5)
    assert tally.eta_s(11.0) == pytest.approx(9.0)


def test_a_second_pass_is_more_work_but_not_more_pixels(tally):
    tally.takes(SMALL, 2)
    tally.computed(SMALL, 0.5)
    assert (tally.total_s, tally.done_s) == pytest.approx((11.0, 1.0))
    assert tally.px_per_s(1.0) == pytest.approx(500_000)


def test_what_a_failed_file_leaves_undone_is_no_work_any_more(tally):
    tally.computed(SMALL, 1.0)
    tally.computed(LARGE, 1 / 3)
    tally.ended(LARGE)
    assert tally.eta_s(4.0) == pytest.approx(0.0)
    assert (tally.total_s, tally.done_s) == pytest.approx((4.0, 4.0))


def test_it_is_said_in_words(tally):
    assert note_of(tally, 0.0) == ""
    tally.computed(SMALL, 1.0)
    tally.ended(SMALL)
    assert note_of(tally, 2.0) == "0.50 MP/s, 18 s left"
    assert note_of(tally, 20.0) == "0.05 MP/s, 3 min 00 s left"
    assert note_of(tally, 2000.0) == "0.00 MP/s, 5 h 00 min left"
    tally.computed(LARGE, 1.0)
    tally.ended(LARGE)
    assert note_of(tally, 20.0) == "0.50 MP/s, in 20 s"
