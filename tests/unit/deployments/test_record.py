"""Records: what is written is what is read, and no step leaves the transition table."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.jobs.record import JobRecord, Result, ResultState, State, evolve, new_job_id
from tests.unit.deployments.conftest import an_order

times = st.one_of(st.none(), st.floats(0, 4e9))


@given(
    state=st.sampled_from(State),
    attempt=st.integers(0, 9),
    finished_at=times,
    result=st.one_of(st.none(), st.builds(Result, st.text(), st.integers(0, 2**40), st.text())),
    result_state=st.one_of(st.none(), st.sampled_from(ResultState)),
    error=st.one_of(st.none(), st.text()),
)
def test_a_record_survives_json(state, attempt, finished_at, result, result_state, error):
    record = JobRecord(
        new_job_id(),
        an_order(),
        created_at=1.5,
        state=state,
        attempt=attempt,
        finished_at=finished_at,
        result=result,
        result_state=result_state,
        error=error,
    )
    assert JobRecord.from_json(record.to_json()) == record


@pytest.mark.parametrize("data", [b"", b"5", b'"x"', b"{}", b"[]", b'{"format_version":2}', b'{"format_version":1}'])
def test_what_is_no_record_is_an_error(data):
    with pytest.raises(ValueError):  # noqa: PT011 - json's and pydantic's are both
        JobRecord.from_json(data)


@pytest.mark.parametrize("field", ["created_at", "state", "attempt", "order"])
def test_a_record_with_a_wrong_value_is_an_error(field):
    fields = json.loads(JobRecord(new_job_id(), an_order(), created_at=0.0).to_json())
    with pytest.raises(ValueError, match=field):
        JobRecord.from_json(json.dumps(fields | {field: None}).encode())


def test_ids_are_nineteen_digits_in_a_signed_64_bit_integer():
    ids = {new_job_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(job_id) == 19 and int(job_id) < 2**63 for job_id in ids)


@pytest.mark.parametrize("terminal", [State.COMPLETED, State.FAILED])
def test_nothing_leaves_a_terminal_state(terminal):
    record = JobRecord(new_job_id(), an_order(), created_at=0.0, state=terminal)
    for state in set(State) - {terminal}:
        with pytest.raises(ValueError, match="no transition"):
            evolve(record, state=state)
