"""The OpenAPI document describes every row of the decision table, by an example that is true to its schema."""

from __future__ import annotations

import json

import jsonschema
import openapi_spec_validator
import pytest

from tests import documents
from tests.api.rows import ANY, ROWS

DOCUMENT = json.loads(documents.openapi())
documents.api_table()
DESCRIBED = [row for row in ROWS if row.example]
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, found in DOCUMENT["paths"].items()
    for method, operation in found.items()
}


def test_it_is_an_openapi_document():
    openapi_spec_validator.validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1")


@pytest.mark.parametrize("row", DESCRIBED, ids=lambda row: f"{row.request} {row.example}")
def test_a_row_has_its_example(row):
    contents = OPERATIONS[row.request]["responses"][str(row.status)]["content"].values()
    assert any(row.example in content.get("examples", {}) for content in contents)


@pytest.mark.parametrize("row", [row for row in ROWS if row.request == ANY and row.code], ids=lambda row: row.code)
def test_what_any_call_may_get_is_said_of_all_that_use_jobs(row):
    if row.code in {"not_found", "method_not_allowed"}:  # of addresses and methods that are not there to be described
        assert row.code in DOCUMENT["info"]["description"]
        return
    for request, operation in OPERATIONS.items():
        if "/api/" in request and not request.startswith("HEAD"):
            content = operation["responses"][str(row.status)]["content"]["application/problem+json"]
            assert row.code in content["examples"], request


def examples():
    for request, operation in OPERATIONS.items():
        for status, answer in operation["responses"].items():
            for kind, content in answer.get("content", {}).items():
                for name, example in content.get("examples", {}).items():
                    yield pytest.param(content["schema"], example["value"], id=f"{request} {status} {name} {kind}")


@pytest.mark.parametrize(("schema", "example"), list(examples()))
def test_an_example_is_true_to_its_schema(schema, example):
    jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(example)


def test_every_success_is_shown_by_a_row():
    """No answer is described that no test has seen."""
    seen = {(row.request, str(row.status)) for row in ROWS}
    described = {
        (request, status)
        for request, operation in OPERATIONS.items()
        for status in operation["responses"]
        if status < "4"
    }
    assert described <= seen
