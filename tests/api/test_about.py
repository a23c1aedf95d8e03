"""What the service says of itself."""

from __future__ import annotations

import openapi_spec_validator

from tests.api.conftest import MAX_UPLOAD_BYTES, RESULT_TTL_S
from tests.api.rows import conforms, row


@row("GET /api/v1/models", "always", 200, "what can be asked for", example="models")
def test_models(alice, document):
    answer = alice.get("/api/v1/models")
    conforms(answer.json(), "Models", document)
    assert [model["name"] for model in answer.json()["models"] if model["default"]] == ["realesr-animevideov3"]
    return answer


@row("GET /api/v1/limits", "always", 200, "the limits of a submission", example="limits")
def test_limits(alice, document):
    answer = alice.get("/api/v1/limits")
    conforms(answer.json(), "Limits", document)
    assert answer.json()["max_upload_bytes"] == MAX_UPLOAD_BYTES
    assert answer.json()["result_ttl_seconds"] == RESULT_TTL_S
    return answer


@row("GET /healthz", "the process that answers HTTP is alive", 200, example="ok")
def test_healthz(anybody):
    return anybody.get("/healthz")


@row("GET /openapi.json", "always", 200, "this API as OpenAPI 3.1, with an example for each row of this table")
def test_document(anybody):
    answer = anybody.get("/openapi.json")
    assert answer.json()["openapi"].startswith("3.1")
    openapi_spec_validator.validate(answer.json())
    return answer


@row("GET /docs", "always", 200, "the same, for a browser")
def test_docs(anybody):
    answer = anybody.get("/docs")
    assert "text/html" in answer.headers["content-type"]
    return answer


@row("GET /", "always", 200, "the web page")
def test_front_page(anybody):
    answer = anybody.get("/")
    assert "text/html" in answer.headers["content-type"]
    assert 'href="docs"' in answer.text
    return [answer, anybody.get("/web/main.js")]
