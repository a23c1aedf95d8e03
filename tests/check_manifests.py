"""`make check-manifests`: hold what is in deploy/ against the schemas of Kubernetes, KubeRay and Compose.

They are not ours to carry along, so they are looked for in a folder:

    compose-spec.json            github.com/compose-spec/compose-spec, schema/compose-spec.json
    _definitions.json            github.com/yannh/kubernetes-json-schema, the folder of your version, `-local-strict`
                                 or `-standalone-strict`; also in the package kubernetes-validate of PyPI
    ray.io_rayservices.yaml      github.com/ray-project/kuberay, ray-operator/config/crd/bases, the tag you run
    monitoring.coreos.com_podmonitors.yaml
                                 github.com/prometheus-operator/prometheus-operator, example/prometheus-operator-crd
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
COMPOSE, KUBERNETES = "compose-spec.json", "_definitions.json"
RESOURCES = ("ray.io_rayservices.yaml", "monitoring.coreos.com_podmonitors.yaml")
Schema = dict[str, Any]


def main(folder: Path) -> None:
    """Print what is wrong, each with its place; exits with 1 when something is, with 2 when schemas are missing."""
    if missing := [name for name in (COMPOSE, KUBERNETES, *RESOURCES) if not (folder / name).exists()]:
        print(f"{folder} lacks {', '.join(missing)}; {Path(__file__).name} says where to get them", file=sys.stderr)
        sys.exit(2)
    mistakes = [*compose_mistakes(folder), *kubernetes_mistakes(folder)]
    print("\n".join(mistakes) or "every manifest is true to its schema")
    sys.exit(bool(mistakes))


def compose_mistakes(folder: Path) -> Iterator[str]:
    schema = json.loads((folder / COMPOSE).read_text())
    for path in sorted(DEPLOY.glob("compose*.yaml")):
        yield from mistakes_of(path.name, yaml.safe_load(path.read_text()), schema)


def kubernetes_mistakes(folder: Path) -> Iterator[str]:
    definitions = json.loads((folder / KUBERNETES).read_text())
    crds = [yaml.safe_load((folder / name).read_text()) for name in RESOURCES]
    for path in [*sorted((DEPLOY / "kuberay").glob("*.yaml")), DEPLOY / "monitoring" / "podmonitor.yaml"]:
        if path.name == "kustomization.yaml":  # for kubectl, not for the cluster
            continue
        for manifest in yaml.safe_load_all(path.read_text()):
            where = f"{path.name}: {manifest['kind']} {manifest['metadata']['name']}"
            found = (schema_of_resource(crd, manifest) for crd in crds)
            schema = next(filter(None, found), None) or schema_of_kind(definitions, manifest)
            yield from mistakes_of(where, manifest, schema) if schema else [f"{where}: there is no such kind"]


def mistakes_of(where: str, document: Any, schema: Schema) -> list[str]:
    validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft7Validator)(schema)
    return [f"{where}: {error.json_path}: {error.message[:300]}" for error in validator.iter_errors(document)]


def schema_of_kind(definitions: Schema, manifest: Schema) -> Schema | None:
    """The schema of one of Kubernetes' own kinds."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    wanted = {"group": group, "version": version, "kind": manifest["kind"]}
    member = "$defs" if "$defs" in definitions else "definitions"
    for name, schema in definitions[member].items():
        if wanted in schema.get("x-kubernetes-group-version-kind", []):
            return {**definitions, "$ref": f"#/{member}/{name}"}
    return None


def schema_of_resource(crd: Schema, manifest: Schema) -> Schema | None:
    """The schema of a custom resource, where it is this one."""
    for version in crd["spec"]["versions"]:
        if manifest["apiVersion"] == f"{crd['spec']['group']}/{version['name']}":
            return strict(version["schema"]["openAPIV3Schema"])
    return None


def strict(schema: Any) -> Any:
    """The same, where a member that is not in it is a mistake: Kubernetes would drop it without a word."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    is_open = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not is_open:
        closed["additionalProperties"] = False
    return closed


if __name__ == "__main__":
    main(Path(sys.argv[1]))
