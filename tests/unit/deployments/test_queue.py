"""The order in which jobs are handed out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployments.jobs.queue import AHEAD_S, JOIN_SHARE, MOST_LOOKED_AT, JobQueue


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


def test_owners_take_turns_by_work():
    queue = JobQueue()
    for number in range(100):
        queue.add(f"a{number}", 1.0, "alice")
    for number in range(4):
        queue.add(f"b{number}", 2.0, "bob")
    order = [queue.take(0.0) for _ in range(12)]
    ahead_s = [sum(2.0 if job[0] == "b" else -1.0 for job in order[:cut]) for cut in range(13)]
    assert all(abs(seconds) <= 2.0 for seconds in ahead_s)  # never more than one job apart
    assert [job for job in order if job[0] == "b"] == ["b0", "b1", "b2", "b3"]


def test_who_comes_late_has_no_claim_to_the_past():
    queue = JobQueue()
    for number in range(100):
        queue.add(f"a{number}", 1.0, "alice")
    for _ in range(50):
        queue.take(0.0)
    for number in range(20):
        queue.add(f"b{number}", 1.0, "bob")
    order = [queue.take(0.0) for _ in range(20)]
    assert 9 <= sum(job[0] == "b" for job in order) <= 11


def test_the_place_is_that_of_the_order_in_which_they_are_taken():
    queue = JobQueue()
    for number in range(5):
        queue.add(f"a{number}", 1.0, "alice")
        queue.add(f"b{number}", 3.0, "bob")
    waiting = list(queue.waiting())
    places = [queue.place(job_id) for job_id in waiting]
    assert [place[0] for place in places if place] == list(range(1, 11))
    assert [queue.take(0.0) for _ in range(10)] == waiting
    assert len(queue) == queue.seconds == 0


def test_what_is_handed_back_is_next_and_not_paid_for_twice():
    queue = JobQueue()
    queue.add("a0", 5.0, "alice")
    queue.add("a1", 5.0, "alice")
    queue.add("b0", 5.0, "bob")
    assert queue.take(0.0) == "a0"
    queue.add_first("a0", 5.0, "alice")
    assert [queue.take(0.0) for _ in range(3)] == ["a0", "b0", "a1"]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 8), st.sampled_from(["add", "first", "take", "gone"])))
)
def test_a_place_is_where_a_walk_through_the_queue_finds_the_job(steps):
    queue, estimates = JobQueue(), {}
    for number, (owner, quarters, step) in enumerate(steps * 20):  # more than a block of a line holds
        job_id = f"{owner}{number}"
        if step == "take":
            estimates.pop(queue.take(0.0), None)
        elif step == "gone" and estimates:
            queue.discard(gone := list(estimates)[number % len(estimates)])
            del estimates[gone]
        else:
            (queue.add if step == "add" else queue.add_first)(job_id, quarters / 4, owner)
            estimates[job_id] = quarters / 4
    ahead_s = 0.0
    for number, job_id in enumerate(queue.waiting(), 1):
        assert queue.place(job_id) == (number, ahead_s)
        ahead_s += estimates[job_id]
    assert queue.seconds == ahead_s
    assert len(queue) == len(estimates)


def test_a_busy_holder_does_not_look_through_a_long_queue_for_a_small_job():
    assert queue_of(*[50.0] * (MOST_LOOKED_AT - 1), 1.0).take(100.0) is not None
    assert queue_of(*[50.0] * MOST_LOOKED_AT, 1.0).take(100.0) is None
