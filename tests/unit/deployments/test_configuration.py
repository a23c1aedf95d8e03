"""Settings, shipped configurations, and what is checked before the service starts."""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deployments.edge.edge import Edge
from deployments.errors import ConfigurationError, StorageError
from deployments.run import CALLBACK, check, check_port, page_address, parse
from deployments.settings import Settings
from deployments.storage.owner import FileLock

ROOT = Path(__file__).parents[3]
SHIPPED = ["serve_config.yaml", "configs/default.yaml", "configs/gpu.yaml", "configs/cluster.yaml"]


def args_of(name: str) -> dict[str, object]:
    config = yaml.safe_load((ROOT / name).read_text())
    return config["applications"][0]["args"]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_configuration_is_valid(name):
    parse(Settings, args_of(name), "args")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_configuration_installs_the_edge(name):
    variables = yaml.safe_load((ROOT / name).read_text())["controller_options"]["runtime_env"]["env_vars"]
    module, _, function = variables[CALLBACK].partition(":")
    (middleware,) = getattr(importlib.import_module(module), function)()
    assert middleware.cls is Edge


def test_an_edge_that_would_look_for_another_store_is_told(tmp_path):
    config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    config["http_options"]["port"] = 0
    config["applications"][0]["args"] |= {"store_name": "Other", "storage_url": str(tmp_path / "storage")}
    config["applications"][0]["args"]["models"] = {"default": "realesr-animevideov3"}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(ConfigurationError, match="UPSCALER_STORE_NAME"):
        check(path)
    config["controller_options"]["runtime_env"]["env_vars"]["UPSCALER_STORE_NAME"] = "Other"
    path.write_text(yaml.safe_dump(config))
    check(path)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://localhost:8089/"),
        ("0.0.0.0", "http://localhost:8089/"),  # noqa: S104
        ("192.168.0.7", "http://192.168.0.7:8089/"),
        ("fd00::7", "http://[fd00::7]:8089/"),
    ],
)
def test_the_start_says_where_the_web_page_will_be(host, address):
    assert page_address(host, 8089) == address


def test_the_default_configuration_lists_every_default():
    assert parse(Settings, args_of("configs/default.yaml"), "args") == Settings()
    everything = Settings().model_dump()
    listed = args_of("configs/default.yaml")
    assert set(listed) == set(everything)
    for group in ("limits", "models", "upscaler", "ingress"):
        assert set(listed[group]) == set(everything[group])


@pytest.mark.parametrize(
    ("args", "where"),
    [
        ({"resutl_ttl_s": 3}, "resutl_ttl_s"),
        ({"limits": {"max_px": 3}}, "limits.max_px"),
        ({"upscaler": {"device": "tpu"}}, "upscaler.device"),
        ({"result_ttl_s": 0}, "result_ttl_s"),
        ({"ingress": {"num_replicas": "many"}}, "ingress.num_replicas"),
        ({"result_ttl_s": float("inf")}, "result_ttl_s"),
        ({"storage_url": ""}, "storage_url"),
        ({"upscaler": {"min_replicas": 5, "max_replicas": 2}}, "max_replicas is less"),
        ({"upscaler": {"device": "cpu", "dtype": "float16"}}, "float16"),
    ],
)
def test_a_mistake_is_named(args, where):
    with pytest.raises(ConfigurationError, match=where):
        parse(Settings, args, "args")


@pytest.mark.parametrize(
    "config",
    [
        {"http_options": {"port": 99_999}},
        {"http_options": {"port": True}},
        {"http_options": {"host": None}},
        {"applications": ["x"]},
        {"applications": [{"import_path": "deployments.app:build_app", "args": {"storage_url": "file://relative/x"}}]},
        {"applications": [{"import_path": "deployments.app:build_app", "args": {"storage_url": "bad://x"}}]},
        ["a list"],
    ],
)
def test_a_configuration_that_cannot_work_is_one_sentence(tmp_path, config):
    path = tmp_path / "c.yaml"
    if isinstance(config, dict):
        config = {"http_options": {"port": 0}} | config
    path.write_text(yaml.safe_dump(config))
    with pytest.raises((ConfigurationError, StorageError)) as refused:
        check(path)
    assert "\n" not in str(refused.value)


def test_a_section_left_empty_means_its_defaults(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "c.yaml"
    path.write_text("http_options: {port: 0}\napplications: [{import_path: 'deployments.app:build_app', args: }]")
    check(path)
    path.write_text("http_options: {port: 0}\napplications:")
    check(path)


def test_a_file_that_is_no_yaml_is_one_sentence(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("a: [b\nc: }")
    with pytest.raises(ConfigurationError) as refused:
        check(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("models", "sentence"),
    [
        ({"default": "nothing-such"}, "not in the catalogue: nothing-such"),
        ({"served": ["realesr-animevideov3"]}, "is not among those served"),
        ({"default": "realesrgan-x2plus", "weights_dir": "/nonexistent"}, "upscale models pull realesrgan-x2plus"),
        ({"default": "realesrgan-x2plus", "weights_dir": "/nonexistent"}, "models.weights_files"),
        ({"catalogue": "/nonexistent/models.yaml"}, "the catalogue cannot be read"),
        ({"weights_files": {"realesrgan-x4plus": "/nonexistent/w.pth"}}, "there is no weights file"),
        ({"weights_files": {"nothing-such": "/nonexistent/w.pth"}}, "not in the catalogue: nothing-such"),
    ],
)
def test_models_that_cannot_be_served_are_refused_before_the_start(tmp_path, models, sentence):
    application = {"import_path": "deployments.app:build_app", "args": {"models": models}}
    config = tmp_path / "c.yaml"
    config.write_text(yaml.safe_dump({"http_options": {"port": 0}, "applications": [application]}))
    with pytest.raises(ConfigurationError, match=sentence):
        check(config)


def test_a_taken_port_is_said_in_one_sentence(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} on 127.0.0.1"):
            check_port("127.0.0.1", port)
        config = tmp_path / "c.yaml"
        config.write_text(f"http_options: {{host: 127.0.0.1, port: {port}}}")
        command = [sys.executable, "-m", "deployments.run", str(config)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_storage_that_another_service_owns_is_refused_before_the_start(tmp_path):
    config = tmp_path / "c.yaml"
    application = {"import_path": "deployments.app:build_app", "args": {"storage_url": str(tmp_path / "s")}}
    config.write_text(yaml.safe_dump({"http_options": {"port": 0}, "applications": [application]}))
    check(config)
    lock = FileLock(tmp_path / "s" / "owner.lock")
    lock.take_now()
    try:
        with pytest.raises(Exception, match="in use"):
            check(config)
    finally:
        lock.release()


def test_the_version_of_the_store_follows_what_it_depends_on():
    assert Settings().store_version() == Settings().store_version()
    assert Settings().store_version() != Settings(result_ttl_s=5).store_version()
    assert Settings().store_version() == Settings(upscaler={"drain_s": 3}).store_version()
    assert (
        Settings().store_version() != Settings(upscaler={"min_replicas": 0}).store_version()
    )  # whose store is at ease


def test_the_ingress_never_loads_torch():
    code = "import deployments.ingress.deployment, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
