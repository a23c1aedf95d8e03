"""The check itself, with schemas of a line each."""

from __future__ import annotations

from tests.check_manifests import mistakes_of, schema_of_kind, schema_of_resource, strict

SCHEMA = {
    "type": "object",
    "properties": {
        "size": {"x-kubernetes-int-or-string": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "inner": {"type": "object", "properties": {"port": {"type": "integer"}}},
    },
}


def test_a_member_that_would_be_dropped_is_a_mistake():
    schema = strict(SCHEMA)
    assert not mistakes_of("x", {"size": "1Gi", "labels": {"any": "thing"}, "inner": {"port": 1}}, schema)
    (mistake,) = mistakes_of("x", {"inner": {"prot": 1}}, schema)
    assert mistake.startswith("x: $.inner: ")
    assert "prot" in mistake


def test_the_schema_is_that_of_the_kind():
    definitions = {
        "$defs": {
            "Pod": {"x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Pod"}]},
            "List": {"x-kubernetes-group-version-kind": [{"group": "apps", "version": "v1", "kind": "Pod"}]},
        }
    }
    assert schema_of_kind(definitions, {"apiVersion": "v1", "kind": "Pod"})["$ref"] == "#/$defs/Pod"
    assert schema_of_kind(definitions, {"apiVersion": "apps/v1", "kind": "Pod"})["$ref"] == "#/$defs/List"
    assert schema_of_kind(definitions, {"apiVersion": "v2", "kind": "Pod"}) is None


def test_a_custom_resource_has_its_own():
    version = {"name": "v1", "schema": {"openAPIV3Schema": SCHEMA}}
    crd = {"spec": {"group": "ray.io", "versions": [version]}}
    assert schema_of_resource(crd, {"apiVersion": "ray.io/v1"})["additionalProperties"] is False
    assert schema_of_resource(crd, {"apiVersion": "v1"}) is None
