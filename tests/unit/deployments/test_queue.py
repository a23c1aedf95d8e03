"""The order in which jobs are handed out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployments.jobs.queue import AHEAD_S, JOIN_SHARE, JobQueue


def queue_of(*seconds: float) -> JobQueue:
    queue = JobQueue()
    for number, estimated_s in enumerate(seconds):
        queue.add(str(number), estimated_s)
    return queue


@given(st.lists(st.floats(0.01, 1000), max_size=30))
def test_an_idle_holder_gets_everything_in_order_of_arrival(seconds):
    queue = queue_of(*seconds)
    taken = [queue.take(0.0) for _ in seconds]
    assert taken == [str(number) for number in range(len(seconds))]
    assert queue.take(0.0) is None
    assert len(queue) == 0


def test_a_busy_holder_gets_only_what_is_small_beside_its_work():
    assert queue_of(50.0, 100.0 * JOIN_SHARE).take(100.0) == "1"
    assert queue_of(50.0).take(AHEAD_S * 10) is None


def test_a_job_handed_back_keeps_its_place():
    queue = queue_of(1.0, 1.0)
    first = queue.take(0.0)
    assert first == "0"
    queue.add_first(first, 1.0)
    assert queue.place("0") == (1, 0.0)
    assert queue.take(0.0) == "0"


def test_positions_count_from_one():
    queue = queue_of(1.0, 2.0)
    assert [queue.place(job_id) for job_id in ("0", "1", "2")] == [(1, 0.0), (2, 1.0), None]
    assert queue.seconds == 3.0
