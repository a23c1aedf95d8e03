"""The images: what no engine is needed for to see."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from deployments.run import check_edge, parse, read
from deployments.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "deploy" / "docker"
KINDS = ["cpu", "cuda"]


def instructions(kind: str) -> list[tuple[str, str]]:
    """Each instruction of a Dockerfile with what it says, comments and line ends taken out."""
    text = "\n".join(line for line in (DOCKER / f"Dockerfile.{kind}").read_text().splitlines() if line[:1] != "#")
    joined = re.sub(r"\\\n\s*", " ", text)
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def last_stage(kind: str) -> dict[str, str]:
    found = instructions(kind)
    start = max(index for index, (word, _) in enumerate(found) if word == "FROM")
    return dict(found[start:])  # of several the last, as Docker does


@pytest.mark.parametrize("kind", KINDS)
def test_a_base_is_pinned_to_a_version(kind):
    defaults = [what for word, what in instructions(kind) if word == "ARG"]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+\.\d+-slim-\w+", defaults[0])
    assert {what.split()[0] for word, what in instructions(kind) if word == "FROM"} == {"${PYTHON_IMAGE}"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_runs_is_no_administrator_and_ends_gracefully(kind):
    stage = last_stage(kind)
    assert stage["USER"] == "10001:10001"
    assert stage["STOPSIGNAL"] == "SIGINT"
    assert stage["VOLUME"] == "/var/lib/upscaler"
    assert "umask 077 && exec" in json.loads(stage["ENTRYPOINT"])[2]


@pytest.mark.parametrize("kind", KINDS)
def test_ray_reports_nothing_and_asks_for_its_token(kind):
    environment = dict(pair.split("=", 1) for pair in last_stage(kind)["ENV"].split())
    assert (environment["RAY_USAGE_STATS_ENABLED"], environment["RAY_AUTH_MODE"]) == ("0", "token")


@pytest.mark.parametrize("kind", KINDS)
def test_the_port_is_that_of_the_configuration_and_no_other(kind):
    stage = last_stage(kind)
    config = yaml.safe_load((ROOT / configuration(kind)).read_text())
    port = str(config["http_options"]["port"])
    assert stage["EXPOSE"] == port
    assert f"http://127.0.0.1:{port}/healthz" in stage["HEALTHCHECK"]
    compile(json.loads(stage["HEALTHCHECK"].split("CMD ")[1])[2], "healthcheck", "exec")


def configuration(kind: str) -> str:
    copied = [what.split() for word, what in instructions(kind) if word == "COPY"]
    return next(source for *_, source, target in copied if target == "/etc/upscaler/config.yaml")


@pytest.mark.parametrize("kind", KINDS)
def test_its_configuration_is_valid_and_keeps_pictures_on_the_volume(kind):
    config = read(ROOT / configuration(kind))
    settings = parse(Settings, config.applications[0].args, "args")
    check_edge(config.controller_options, settings)
    assert settings.storage_url == last_stage(kind)["VOLUME"]
    assert json.loads(last_stage(kind)["CMD"]) == ["python", "-m", "deployments.run", "/etc/upscaler/config.yaml"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_copied_is_in_the_context(kind):
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for word, what in instructions(kind):
        if word == "COPY" and "--from" not in what:
            for source in what.split()[:-1]:
                assert (ROOT / source).exists()
                assert any(source == name or source.startswith(f"{name}/") for name in allowed), source


def test_the_two_images_differ_where_they_have_to():
    cpu, cuda = (
        {f"{word} {what}" for word, what in instructions(kind) if word not in {"ENV", "COPY"}} for kind in KINDS
    )
    assert {line.split("=")[0] for line in cpu ^ cuda} == {"ARG TORCH_INDEX"}
