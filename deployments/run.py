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
from typing import Annotated, Any, NoReturn, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError

from deployments.edge.callback import STORE_NAME
from deployments.errors import ConfigurationError, StorageError
from deployments.jobs.messages import ACTOR_NAME
from deployments.serving import served_models
from deployments.settings import Settings
from deployments.storage.owner import FileLock
from deployments.storage.storage import open_storage

M = TypeVar("M", bound=BaseModel)

BUILDER = "deployments.app:build_app"
CALLBACK = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"


def main(argv: list[str]) -> NoReturn:
    """Check, then become `serve run`. Exits with one sentence on stderr when it could not serve."""
    if len(argv) != 1:
        sys.exit("usage: python -m deployments.run CONFIG")
    try:
        check(Path(argv[0]))
        http = read(Path(argv[0])).http_options or _Http()
    except (ConfigurationError, StorageError) as error:
        sys.exit(f"upscaler: {error}")
    print(f"upscaler: starting; the web page will be at {page_address(http.host, http.port)}", file=sys.stderr)
    serve = Path(sys.executable).with_name("serve")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's `&` has it ignored, which would outlive exec
    os.execv(serve, [str(serve), "run", argv[0]])  # noqa: S606


class _Http(BaseModel):
    """What we look at of Serve's `http_options`. Serve's own defaults."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535, strict=True)] = 8000


class _Application(BaseModel):
    import_path: str
    args: dict[str, Any] | None = None


class _RuntimeEnv(BaseModel):
    env_vars: dict[str, str] = {}


class _ControllerOptions(BaseModel):
    runtime_env: _RuntimeEnv | None = None


class Config(BaseModel):
    """What we look at of a configuration for `serve run`; the rest is Serve's to judge."""

    http_options: _Http | None = None
    controller_options: _ControllerOptions | None = None
    applications: list[_Application] | None = None


def check(path: Path) -> None:
    """Raise ConfigurationError or StorageError with one sentence on what stands in the way."""
    config = read(path)
    http = config.http_options or _Http()
    check_port(http.host, http.port)
    for application in config.applications or []:
        if application.import_path == BUILDER:
            settings = parse(Settings, application.args or {}, "args")
            served_models(settings.models)
            settings.access.with_keys_of_the_file()
            check_edge(config.controller_options or _ControllerOptions(), settings)
            if not joins_a_cluster():  # there the owner may be the very store that we would go on with
                check_storage(settings)


def read(path: Path) -> Config:
    """A configuration for `serve run`. Raises ConfigurationError."""
    try:
        return parse(Config, yaml.safe_load(path.read_text()), str(path))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise ConfigurationError(f"{path} cannot be read: {reason}") from error


def read_settings(path: Path) -> Settings:
    """Those of our application in a configuration. Raises ConfigurationError."""
    for application in read(path).applications or []:
        if application.import_path == BUILDER:
            return parse(Settings, application.args or {}, "args")
    raise ConfigurationError(f"{path} has no application {BUILDER}")


def joins_a_cluster() -> bool:
    """Whether `serve run` would use a Ray cluster that is already there, as Ray itself decides it."""
    temp_dir = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray")  # noqa: S108
    return bool(os.environ.get("RAY_ADDRESS")) or (temp_dir / "ray_current_cluster").exists()


def parse(model: type[M], values: Any, what: str) -> M:
    """`values` as a `model`; the first mistake as a sentence, which says where in `what` it is."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([what, *(str(part) for part in first["loc"])])
        raise ConfigurationError(f"{where}: {first['msg']}") from error


def check_edge(options: _ControllerOptions, settings: Settings) -> None:
    """Raise ConfigurationError when the edge would look for another store than the application's."""
    variables = options.runtime_env.env_vars if options.runtime_env else {}
    if CALLBACK in variables and variables.get(STORE_NAME, ACTOR_NAME) != settings.store_name:
        where = "controller_options.runtime_env.env_vars"
        raise ConfigurationError(f"{where}: set {STORE_NAME} to {settings.store_name!r} too, so that the edge finds it")


def page_address(host: str, port: int) -> str:
    """Where a browser on this machine finds the web page."""
    here = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # noqa: S104  (nothing is bound)
    return f"http://{f'[{here}]' if ':' in here else here}:{port}/"


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
