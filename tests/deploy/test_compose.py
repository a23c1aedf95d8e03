"""The compose files: who is reachable, who may write, and that what they mount is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from deployments.app import GRACEFUL_SHUTDOWN_S
from deployments.ingress.waiting import MAX_WAIT_S
from deployments.settings import Settings
from tests.deploy.proxy import FOLDER, NGINX, needs_nginx

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
MONITORING = yaml.safe_load((ROOT / "deploy" / "compose.monitoring.yaml").read_text())["services"]
SERVICES = COMPOSE["services"] | {"prometheus": MONITORING["prometheus"]}


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_no_more_than_it_needs(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service["user"].startswith("0")
    assert "privileged" not in service


def test_only_the_proxy_is_reachable():
    assert "ports" not in SERVICES["upscaler"]
    assert COMPOSE["networks"][SERVICES["upscaler"]["networks"][0]] == {"internal": True}
    assert {port.split(":")[1] for port in SERVICES["proxy"]["ports"]} == {"8080", "8443"}


def test_prometheus_looks_where_ray_gives_out_figures():
    (targets,) = yaml.safe_load((ROOT / "deploy" / "monitoring" / "targets.compose.yml").read_text())
    assert targets["targets"] == ["upscaler:8080"]
    assert "--metrics-export-port=8080" in MONITORING["upscaler"]["command"][-1]
    assert SERVICES["prometheus"]["networks"] == SERVICES["upscaler"]["networks"]
    assert "ports" not in SERVICES["prometheus"]


def test_a_stop_is_graceful_and_has_the_time():
    service = SERVICES["upscaler"]
    assert service["stop_signal"] == "SIGINT"
    assert int(service["stop_grace_period"].rstrip("s")) > GRACEFUL_SHUTDOWN_S + 10


def test_ray_reports_nothing_and_asks_for_its_token():
    assert SERVICES["upscaler"]["environment"] == {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"}


@pytest.mark.parametrize("name", ["compose.yaml", "compose.cuda.yaml", "compose.monitoring.yaml"])
def test_what_is_mounted_and_built_is_there(name):
    whole = yaml.safe_load((ROOT / "deploy" / name).read_text())
    volumes = COMPOSE["volumes"] | whole.get("volumes", {})
    for service in whole["services"].values():
        for source in (volume.split(":")[0] for volume in service.get("volumes", [])):
            assert source in volumes or (ROOT / "deploy" / source).exists(), source
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).exists()


def directive(file: str, name: str) -> str:
    found = re.search(rf"^\s*{name} (\S+);", (FOLDER / file).read_text(), re.MULTILINE)
    assert found, name
    return found[1]


def test_the_proxy_lets_through_what_the_service_takes():
    assert int(directive("upscaler.conf", "client_max_body_size")) == Settings().limits.max_upload_bytes


def test_the_proxy_waits_longer_than_the_longest_silence():
    assert int(directive("server.conf", "proxy_read_timeout").rstrip("s")) > MAX_WAIT_S + 15


def test_the_proxy_asks_the_service_where_it_is():
    port = yaml.safe_load((ROOT / "deploy" / "docker" / "cpu.yaml").read_text())["http_options"]["port"]
    assert f"set $upscaler http://upscaler:{port};" in (FOLDER / "nginx.conf").read_text()


@needs_nginx
def test_the_file_of_the_container_is_one(tmp_path):
    """`nginx -t` of nginx.conf itself, beside a certificate."""
    folder = tmp_path / "nginx"
    (folder / "tls").mkdir(parents=True)
    for path in FOLDER.glob("*.conf"):
        (folder / path.name).write_text(path.read_text())
    certificate = ["-keyout", "tls/key.pem", "-out", "tls/cert.pem", "-subj", "/CN=localhost"]
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*make, "-days", "1", *certificate], cwd=folder, check=True, capture_output=True)
    config = folder / "nginx.conf"
    config.write_text(config.read_text().replace(" /tmp/", f" {folder}/"))
    checked = subprocess.run([str(NGINX), "-t", "-c", str(config)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
