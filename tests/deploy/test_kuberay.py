"""The manifests: what needs no schema. `make check-manifests` does the rest."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.app import GRACEFUL_SHUTDOWN_S

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kuberay"
RAY = yaml.safe_load((FOLDER / "rayservice.yaml").read_text())["spec"]
CLUSTER = RAY["rayClusterConfig"]
CONFIG = yaml.safe_load((ROOT / "configs" / "cluster.yaml").read_text())
GROUPS = {"head": CLUSTER["headGroupSpec"], **{group["groupName"]: group for group in CLUSTER["workerGroupSpecs"]}}


def manifests() -> list[dict[str, Any]]:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    return [manifest for name in listed for manifest in yaml.safe_load_all((FOLDER / name).read_text())]


def named(kind: str, name: str) -> dict[str, Any]:
    return next(found for found in manifests() if (found["kind"], found["metadata"]["name"]) == (kind, name))


def pods() -> dict[str, Any]:
    """The specification of every kind of pod."""
    redis = named("StatefulSet", "redis")["spec"]["template"]["spec"]
    return {name: group["template"]["spec"] for name, group in GROUPS.items()} | {"redis": redis}


def container(group: str) -> dict[str, Any]:
    return GROUPS[group]["template"]["spec"]["containers"][0]


def test_every_file_is_in_the_kustomization():
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    assert {*listed, "kustomization.yaml"} == {path.name for path in FOLDER.glob("*.yaml")}


def test_it_serves_what_the_configuration_for_clusters_says():
    assert yaml.safe_load(RAY["serveConfigV2"]) == CONFIG


def test_ray_is_the_one_that_is_pinned():
    assert CLUSTER["rayVersion"] == version("ray")
    assert f"ray=={version('ray')}" in (ROOT / "constraints.txt").read_text().splitlines()


@pytest.mark.parametrize("group", GROUPS)
def test_the_port_of_a_pod_is_that_of_the_configuration(group):
    ports = {port["name"]: port["containerPort"] for port in container(group)["ports"]}
    assert ports["serve"] == CONFIG["http_options"]["port"]


@pytest.mark.parametrize("group", GROUPS)
def test_ray_gives_out_figures_where_prometheus_looks(group):
    ports = {port["name"]: port["containerPort"] for port in container(group)["ports"]}
    assert GROUPS[group]["rayStartParams"]["metrics-export-port"] == str(ports["metrics"])
    monitor = yaml.safe_load((ROOT / "deploy" / "monitoring" / "podmonitor.yaml").read_text())["spec"]
    assert monitor["podMetricsEndpoints"][0]["port"] == "metrics"
    assert monitor["selector"]["matchLabels"].items() <= GROUPS[group]["template"]["metadata"]["labels"].items()


def test_one_storage_has_one_cluster():
    """A second one beside the first would take its storage away."""
    assert RAY["upgradeStrategy"] == {"type": "None"}


def test_ray_asks_for_its_token_and_reports_nothing():
    assert CLUSTER["authOptions"] == {"mode": "token", "secretName": "upscaler-ray-token"}
    for group in GROUPS:
        assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in container(group)["env"]


@pytest.mark.parametrize("name", pods())
def test_a_pod_is_as_the_restricted_standard_wants_it(name):
    pod = pods()[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    locked = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    for one in pod["containers"]:
        assert one["securityContext"] == locked
        assert "/tmp" in {mount["mountPath"] for mount in one["volumeMounts"]}
        assert one["resources"]["limits"]["memory"]
        assert one["livenessProbe"]
        assert one["readinessProbe"]
        assert ":" in one["image"]
        assert not one["image"].endswith(":latest")
    assert pod["terminationGracePeriodSeconds"] >= 30


def test_the_autoscaler_beside_the_head_is_locked_as_well():
    assert CLUSTER["autoscalerOptions"]["securityContext"] == container("head")["securityContext"]


@pytest.mark.parametrize("group", GROUPS)
def test_a_pod_has_the_time_for_a_graceful_stop(group):
    assert GROUPS[group]["template"]["spec"]["terminationGracePeriodSeconds"] > GRACEFUL_SHUTDOWN_S + 10


def test_gpus_come_and_go_with_the_work():
    settings = CONFIG["applications"][0]["args"]["upscaler"]
    assert CLUSTER["enableInTreeAutoscaling"] is True
    assert (GROUPS["gpu"]["minReplicas"], GROUPS["gpu"]["maxReplicas"]) == (0, settings["max_replicas"])
    assert container("gpu")["resources"]["limits"]["nvidia.com/gpu"] == str(settings["num_gpus"])
    assert container("gpu")["image"].endswith("-cuda")
    for group in ("head", "http"):
        assert GROUPS[group]["rayStartParams"]["num-cpus"] == "0"
        assert not any("gpu" in resource for resource in container(group)["resources"]["limits"])


def test_what_the_head_knows_is_in_redis():
    options = CLUSTER["gcsFaultToleranceOptions"]
    host, port = options["redisAddress"].split(":")
    assert named("Service", host)["spec"]["ports"][0]["port"] == int(port)
    asked = named("StatefulSet", "redis")["spec"]["template"]["spec"]["containers"][0]["env"][0]["valueFrom"]
    assert asked == options["redisPassword"]["valueFrom"]


def test_policies_and_budgets_mean_pods_that_are_there():
    labels = [group["template"]["metadata"]["labels"] for group in GROUPS.values()]
    budget = named("PodDisruptionBudget", "upscaler-http")["spec"]
    policy = named("NetworkPolicy", "upscaler")["spec"]
    meant = [found for found in labels if budget["selector"]["matchLabels"].items() <= found.items()]
    assert len(meant) == 1
    assert budget["minAvailable"] < GROUPS["http"]["replicas"]
    assert all(policy["podSelector"]["matchLabels"].items() <= found.items() for found in labels)


def test_strangers_reach_the_service_alone():
    """Beside the pods themselves and the operator, one port, and one for metrics."""
    first, *others = named("NetworkPolicy", "upscaler")["spec"]["ingress"]
    assert "ports" not in first
    assert list(first["from"][0]) == ["podSelector"]
    assert [sorted(port["port"] for port in rule["ports"]) for rule in others] == [[8089, 8265], [8089], [8080]]


def test_no_secret_is_in_a_file():
    assert "Secret" not in {manifest["kind"] for manifest in manifests()}
