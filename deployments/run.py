"""`python -m deployments.run CONFIG`: `serve run`, after checking what would fail late or silently.

Serve binds its port so that a second server shares it without a word, and goes on running when an
application cannot be built. So the port, the settings and the storage are looked at first.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

import yaml
from pydantic import ValidationError

from deployments.errors import ConfigurationError, StorageError
from deployments.serving import served_models
from deployments.settings import Settings
from deployments.storage.owner import FileLock
from deployments.storage.storage import open_storage

BUILDER = "deployments.app:build_app"


def main(argv: list[str]) -> NoReturn:
    """Check, then become `serve run`. Exits with one sentence on stderr when it could not serve."""
    if len(argv) != 1:
        sys.exit("usage: python -m deployments.run CONFIG")
    try:
        check(Path(argv[0]))
    except (ConfigurationError, StorageError) as error:
        sys.exit(f"upscaler: {error}")
    serve = Path(sys.executable).with_name("serve")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's `&` has it ignored, which would outlive exec
    os.execv(serve, [str(serve), "run", argv[0]])  # noqa: S606


def check(path: Path) -> None:
    """Raise ConfigurationError or StorageError with one sentence on what stands in the way."""
    try:
        config: Any = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise ConfigurationError(f"{path} is not a configuration of Serve")
    http = config.get("http_options") or {}
    port = http.get("port", 8000)
    if not isinstance(port, int):
        raise ConfigurationError(f"http_options.port: {port} is not a number")
    check_port(http.get("host", "127.0.0.1"), port)
    for application in config.get("applications") or []:
        if application.get("import_path") == BUILDER:
            settings = parse(application.get("args") or {})
            served_models(settings.models)
            if not joins_a_cluster():  # there the owner may be the very store that we would go on with
                check_storage(settings)


def joins_a_cluster() -> bool:
    """Whether `serve run` would use a Ray cluster that is already there, as Ray itself decides it."""
    temp_dir = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray")  # noqa: S108
    return bool(os.environ.get("RAY_ADDRESS")) or (temp_dir / "ray_current_cluster").exists()


def parse(args: dict[str, Any]) -> Settings:
    """The settings of an application; the first mistake as a sentence."""
    try:
        return Settings.model_validate(args)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"args.{where}: {first['msg']}") from error


def check_port(host: str, port: int) -> None:
    """Raise ConfigurationError when something listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"port {port} on {host} cannot be used ({error.strerror}); stop what listens there "
                "or change http_options.port in the configuration"
            ) from error


def check_storage(settings: Settings) -> None:
    """Raise StorageError when a local storage is owned by another service."""
    storage = open_storage(settings.storage_url)
    if storage.root is not None:
        lock = FileLock(storage.root / "owner.lock")
        lock.take_now()
        lock.release()


if __name__ == "__main__":
    main(sys.argv[1:])
