"""Names and values of fields, against the reader of options and the whole application.

A second reading of the contract says what is to be accepted: nothing here is shared with the first.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from deployments.errors import RequestError
from deployments.ingress.options import read_options
from tests.fuzz.calls import Call
from tests.fuzz.mutations import split
from tests.fuzz.service import MODELS, Service
from tests.pictures import png

BOUNDARY = "b0undary"
ALLOWED = {
    "scale": {"2", "3", "4"},
    "model": set(MODELS),
    "format": {"png", "jpeg", "jpg", "webp"},
    "quality": {str(number) for number in range(1, 101)},
    "metadata": {"strip", "keep"},
}
CODES = {
    "scale": {"invalid_scale"},
    "model": {"unknown_model", "model_not_available"},
    "format": {"invalid_format"},
    "quality": {"invalid_quality"},
    "metadata": {"invalid_metadata"},
}
ASCII_CASE_IS_FREE = {"format"}
OTHER_NAMES = ("Scale", "scale ", " scale", "scale[]", "scale\0", "ѕcale", "scâle", "image", "x", "", "quality\n")
ODD_VALUES = (
    "", " ", "0", "1", "5", "+4", "-4", "04", "4.0", "4e0", "0x4", " 4", "4 ", "4\n", "\t4", "4\0", "\0", "٤", "４",
    "④", "²", "9" * 5000, "1" * 4096, "100", "101", "1_0", "true", "None", "NaN", "inf", "PNG", "JpEg", "ｐｎｇ", "pnğ",
    "PNG\u0130", "jpg,png", "strip,keep", "KEEP", "realesrgan-x2plus", "realesrgan-x4plus-anime", "../x", "\u202e",
    "\ufeff4", "4\u200b", "🙂", "a" * 4097, "'", '"',
    "--" + BOUNDARY, "\r\n--" + BOUNDARY + "--\r\n", "%34", "&#52;", "[4]", "{}",
)  # fmt: skip
MAX_FIELDS, MAX_FILES, MAX_VALUE_BYTES = 16, 4, 4096


@dataclass(frozen=True, slots=True)
class Field:
    """One part of the form besides the image."""

    name: str
    value: str
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    fields: tuple[Field, ...]
    cuts: int


class OptionsFuzzer:
    """Accepted exactly when each value is among the allowed ones, and each field comes at most once."""

    name = "options"
    at_once = 1

    def __init__(self) -> None:
        self._service = Service()
        self._image = png(1, 8, 6)

    async def start(self) -> None:
        await self._service.start()

    async def close(self) -> None:
        await self._service.close()

    def draw(self, rng: random.Random) -> Case:
        number = rng.choices((0, 1, 2, 3, 5, 16, 17, 40), (1, 8, 8, 6, 4, 1, 1, 0.3))[0]
        return Case(tuple(_field(rng) for _ in range(number)), rng.randrange(1 << 30))

    async def broken_rule(self, case: Case) -> str | None:
        return self._misread(case) or await self._misanswered(case)

    def _misread(self, case: Case) -> str | None:
        fields: dict[str, list[str]] = {}
        for field in case.fields:
            fields.setdefault(field.name, []).append("" if field.is_file else field.value)
        serving = self._service.serving
        try:
            read_options(fields, serving.catalogue, serving.models, serving.default_model)
        except RequestError as error:
            return None if error.code in expected(case.fields) else f"the reader says {error.code}"
        return None if expected(case.fields) == {None} else "the reader takes what is not allowed"

    async def _misanswered(self, case: Case) -> str | None:
        if any(BOUNDARY in field.name + field.value for field in case.fields):
            wanted: set[str | None] | None = None  # the form says something else than its fields
        else:
            wanted = expected_of_form(case.fields)
        chunks = split(random.Random(case.cuts), self._form(case))
        kind = f"multipart/form-data; boundary={BOUNDARY}".encode()
        rule, answer = await self._service.broken_rule(Call(((b"content-type", kind),), chunks))
        if rule is None and answer is not None and wanted is not None and answer.code not in wanted:
            return f"answered {answer.status} {answer.code}, expected one of {sorted(map(str, wanted))}"
        return rule

    def _form(self, case: Case) -> bytes:
        parts = [_part('name="image"; filename="a.png"', self._image)]
        for field in case.fields:
            ending = '; filename="f"' if field.is_file else ""
            parts.append(_part(f'name="{_quoted(field.name)}"{ending}', field.value.encode()))
        return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()

    def smaller(self, case: Case) -> Iterator[Case]:
        for i, field in enumerate(case.fields):
            yield Case(case.fields[:i] + case.fields[i + 1 :], case.cuts)
            for less in {field.value[: len(field.value) // 2], field.value[1:], field.value[:-1]} - {field.value}:
                shorter = Field(field.name, less, field.is_file)
                yield Case((*case.fields[:i], shorter, *case.fields[i + 1 :]), case.cuts)

    def written(self, case: Case) -> bytes:
        return f"{case!r}\n".encode()


def _field(rng: random.Random) -> Field:
    name = rng.choice(tuple(ALLOWED)) if rng.random() < 0.85 else rng.choice(OTHER_NAMES)
    value = rng.choice(sorted(ALLOWED.get(name, {"x"}))) if rng.random() < 0.6 else rng.choice(ODD_VALUES)
    if rng.random() < 0.1:
        value = "".join(rng.choice((value, " ", "\0", "4", "٤", "\u0301", "A")) for _ in range(rng.randrange(4)))
    if rng.random() < 0.1:
        value = rng.choice((value.upper(), value.title(), value.swapcase()))
    return Field(name, value, rng.random() < 0.05)


def _quoted(name: str) -> str:
    """As HTML writes a name into a header."""
    return name.replace("\\", "\\\\").replace('"', "%22").replace("\n", "%0A").replace("\r", "%0D")


def _part(parameters: str, content: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {parameters}\r\n\r\n"
    return head.encode() + content + b"\r\n"


def _is_allowed(field: Field) -> bool:
    value = field.value
    if field.name in ASCII_CASE_IS_FREE and value.isascii():
        value = value.lower()
    return not field.is_file and value in ALLOWED[field.name]


def expected(fields: tuple[Field, ...]) -> set[str | None]:
    """The codes that the contract allows for these fields; None alone when they are to be accepted."""
    codes: set[str | None] = set()
    for name in ALLOWED:
        found = [field for field in fields if field.name == name]
        if len(found) > 1 or not all(map(_is_allowed, found)):
            codes |= CODES[name]
    return codes or {None}


def expected_of_form(fields: tuple[Field, ...]) -> set[str | None]:
    """The same for a form that holds these fields and one image."""
    plain = [field for field in fields if not field.is_file]
    too_long = any(len(field.value.encode()) > MAX_VALUE_BYTES for field in plain)
    if len(plain) > MAX_FIELDS or len(fields) - len(plain) >= MAX_FILES or too_long:
        return {"bad_multipart"}
    images = [field for field in fields if field.name == "image"]
    if images:
        return {"duplicate_image"}
    return expected(fields)
