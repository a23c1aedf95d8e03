"""Each fuzzer for a moment, with a seed that is always the same; and that they would find something."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.fuzz.calls import Answer, Call, broken_rule
from tests.fuzz.decode import DecodeFuzzer
from tests.fuzz.loop import drawn, keep, run
from tests.fuzz.multipart import MultipartFuzzer
from tests.fuzz.mutations import fewer, split
from tests.fuzz.options import Field, OptionsFuzzer, expected

pytestmark = pytest.mark.anyio

SEED, SECONDS = 1, 60.0
"""More time than so few cases need: what is bounded here is their number."""


@pytest.mark.parametrize(("make", "number"), [(MultipartFuzzer, 40), (OptionsFuzzer, 40), (DecodeFuzzer, 40)], ids=str)
async def test_nothing_is_found_in_the_first_cases(make, number, tmp_path):
    fuzzer = make(tmp_path) if make is DecodeFuzzer else make()
    report = await run(fuzzer, SEED, SECONDS, most=number)
    assert report.num_cases == number
    assert not report.findings


@pytest.mark.parametrize("make", [MultipartFuzzer, OptionsFuzzer, DecodeFuzzer])
def test_a_case_is_drawn_by_its_number_alone(make, tmp_path):
    first, second = (make(tmp_path) if make is DecodeFuzzer else make() for _ in range(2))
    cases = [drawn(first, SEED, number) for number in range(20)]
    assert [drawn(second, SEED, number) for number in reversed(range(20))] == cases[::-1]


class _Fuzzer:
    """Of bytes, with a rule that a `!` breaks."""

    name, at_once = "bytes", 2

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def draw(self, rng: random.Random) -> bytes:
        return rng.randbytes(200)

    async def broken_rule(self, case: bytes) -> str | None:
        return "a mark" if b"!" in case else None

    def smaller(self, case: bytes) -> Iterator[bytes]:
        return fewer(case)

    def written(self, case: bytes) -> bytes:
        return case


async def test_what_breaks_a_rule_is_found_once_and_made_small(tmp_path):
    report = await run(_Fuzzer(), SEED, SECONDS, most=50)
    assert [finding.case for finding in report.findings.values()] == [b"!"]
    assert [path.read_bytes() for path in keep(_Fuzzer(), report, tmp_path)] == [b"!"]
    assert report.num_cases == 50


@pytest.mark.parametrize("length", [0, 1, 2, 5000])
def test_split_data_are_the_same_data(length):
    data = random.Random(1).randbytes(length)
    assert all(b"".join(split(random.Random(seed), data)) == data for seed in range(50))


SAID = {"x-request-id": "r", "cache-control": "no-store", "content-type": "application/problem+json"}
PROBLEM = {"success": False, "error": "No.", "code": "empty_image", "title": "No", "detail": "No.", "instance": "r"}
CALL = Call((), (b"",))


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (Answer(422, SAID, PROBLEM), None),
        (Answer(500, SAID, PROBLEM | {"code": "internal"}), "500 internal"),
        (Answer(400, SAID, PROBLEM), "a code that is not in the table: 400 empty_image"),
        (Answer(422, SAID, None), "422 without a problem"),
        (Answer(422, SAID, PROBLEM | {"status": 422}), "a problem without its members: empty_image"),
        (Answer(422, SAID, PROBLEM | {"error": "In /tmp.", "detail": "In /tmp."}), "a problem that says '/tmp'"),
        (Answer(202, SAID, {"success": True, "job_id": "1"}), "a 202 that is not the contract's"),
        (Answer(422, {}, PROBLEM), "an answer without the headers that all carry"),
    ],
)
def test_the_rules_of_answers(answer, rule):
    assert broken_rule(CALL, answer) == rule


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ((), {None}),
        ((Field("scale", "2"), Field("format", "JPG")), {None}),
        ((Field("scale", "02"),), {"invalid_scale"}),
        ((Field("scale", "2"), Field("scale", "2")), {"invalid_scale"}),
        ((Field("metadata", "keep", is_file=True),), {"invalid_metadata"}),
        ((Field("format", "ＰＮＧ"), Field("unknown", "")), {"invalid_format"}),
    ],
)
def test_the_second_reading_of_the_contract(fields, codes):
    assert expected(fields) == codes
