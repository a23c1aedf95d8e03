"""Where weights are found, and how they are fetched from a real server on this machine."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from tests.unit.upscaler.doubles import cpu
from upscaler.catalogue import ModelSpec, Release
from upscaler.errors import DownloadError, ModelNotFoundError, WeightsError
from upscaler.model import build_network, load_model
from upscaler.weights import Weights, WeightsStore, load_state_dict, load_tensors


@dataclass
class Site:
    """A server of one file: /file has it whole, /cut ends halfway, /torn ends
    within a chunk, /gone answers 404."""

    body: bytes
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    """Serves the `site` of its server."""

    def do_GET(self) -> None:
        site: Site = self.server.site
        if self.path == "/gone":
            self.send_error(404)
            return
        if self.path == "/torn":
            self.protocol_version = "HTTP/1.1"
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n" % len(site.body) + site.body[: len(site.body) // 2])
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(site.body)))
        self.end_headers()
        self.wfile.write(site.body[: len(site.body) // 2] if self.path == "/cut" else site.body)

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@pytest.fixture
def spec(catalogue) -> ModelSpec:
    """A tiny model that no package has."""
    return replace(catalogue["realesr-animevideov3"], name="tiny", features=4, depth=1, package_stem=None)


@pytest.fixture
def state(spec):
    return build_network(spec).state_dict()


@pytest.fixture
def checkpoint(state) -> bytes:
    file = io.BytesIO()
    torch.save({"params_ema": state, "params": {"an older": torch.zeros(1)}}, file)
    return file.getvalue()


@pytest.fixture
def site(checkpoint, monkeypatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.site = Site(checkpoint, f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def store(tmp_path) -> WeightsStore:
    return WeightsStore(tmp_path / "cache", {})


def released(spec: ModelSpec, url: str, body: bytes) -> ModelSpec:
    return replace(spec, release=Release(url, hashlib.sha256(body).hexdigest()))


def ignore(_done: int, _total: int) -> None:
    pass


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_operators_file_comes_first_then_the_cache_then_the_package(catalogue, store, packaged):
    spec = catalogue["realesr-animevideov3"]
    packaged(spec.name)  # skips where there is no package
    assert store.find(spec).source == "package"
    store.cache_dir.mkdir()
    cached = store.cache_dir / f"{spec.name}-{spec.release.sha256[:12]}.safetensors"
    cached.touch()
    assert store.find(spec) == Weights(cached, "cache")
    mine = store.cache_dir / "mine.pth"
    mine.touch()
    assert WeightsStore(store.cache_dir, {spec.name: mine}).find(spec) == Weights(mine, "file")


def test_where_nothing_is_nothing_is_found(spec, store):
    assert store.find(spec) is None
    with pytest.raises(ModelNotFoundError):
        store.require(spec)


def test_an_operators_file_that_is_not_there_is_not_replaced_by_another(catalogue, tmp_path):
    spec = catalogue["realesr-animevideov3"]
    with pytest.raises(ModelNotFoundError):
        WeightsStore(tmp_path, {spec.name: tmp_path / "gone.pth"}).require(spec)


def test_pull_keeps_a_safetensors_copy_of_the_release(spec, state, site, store):
    seen = []
    spec = released(spec, f"{site.url}/file", site.body)
    pulled = store.pull(spec, lambda done, total: seen.append((done, total)))
    assert files_in(store.cache_dir) == [pulled.path]
    assert store.find(spec) == pulled
    assert seen[-1] == (len(site.body), len(site.body))
    tensors = load_tensors(pulled, [])
    assert tensors.keys() == state.keys()
    assert all(torch.equal(tensors[name], state[name]) for name in state)
    load_model(spec, pulled, cpu())


@pytest.mark.parametrize("page", ["other", "cut", "torn", "gone"])
def test_a_release_that_is_not_the_published_file_leaves_nothing_behind(spec, site, store, page):
    published = site.body + b"more" if page == "other" else site.body
    with pytest.raises(DownloadError):
        store.pull(released(spec, f"{site.url}/{page}", published), ignore)
    assert list(store.cache_dir.iterdir()) == []


def test_a_failed_pull_leaves_what_the_cache_had(spec, site, store):
    spec = released(spec, f"{site.url}/file", site.body)
    pulled = store.pull(spec, ignore)
    before = pulled.path.read_bytes()
    site.body = b"something else"
    with pytest.raises(DownloadError):
        store.pull(spec, ignore)
    assert files_in(store.cache_dir) == [pulled.path]
    assert pulled.path.read_bytes() == before


def test_a_published_file_that_is_no_checkpoint_is_not_kept(spec, site, store):
    site.body = b"<html>not a checkpoint</html>"
    with pytest.raises(WeightsError):
        store.pull(released(spec, f"{site.url}/file", site.body), ignore)
    assert list(store.cache_dir.iterdir()) == []


def test_no_server_is_a_download_error(spec, site, store):
    site_url = site.url.rsplit(":", 1)[0]
    with pytest.raises(DownloadError):
        store.pull(released(spec, f"{site_url}:1/file", b""), ignore)


class Malicious:
    """Unpickled carelessly, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self._path,)


def test_code_in_a_checkpoint_is_never_run(tmp_path):
    trace = tmp_path / "trace"
    torch.save({"params": Malicious(trace)}, tmp_path / "bad.pth")
    with pytest.raises(WeightsError):
        load_state_dict(tmp_path / "bad.pth")
    assert not trace.exists()


@pytest.mark.parametrize("name", ["bad.pth", "bad.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", bytes(100)], ids=["empty", "text", "zeros"])
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\..* is not a readable checkpoint"):
        load_state_dict(path)


def without_a_key(state):
    return dict(list(state.items())[:-1])


def with_one_too_many(state):
    return state | {"body.99.weight": torch.zeros(1)}


def with_another_shape(state):
    return state | {"body.0.bias": torch.zeros(3)}


@pytest.mark.parametrize("change", [without_a_key, with_one_too_many, with_another_shape])
def test_weights_of_another_architecture_are_refused(spec, state, tmp_path, change):
    torch.save(change(dict(state)), tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="does not hold the weights of tiny"):
        load_model(spec, Weights(tmp_path / "other.pth", "file"), cpu())


def test_packaged_weights_of_another_architecture_are_refused(catalogue, store, packaged):
    spec = catalogue["realesr-animevideov3"]
    packaged(spec.name)
    with pytest.raises(WeightsError, match="tensors"):
        load_model(catalogue["realesrgan-x4plus"], store.find(spec), cpu())
