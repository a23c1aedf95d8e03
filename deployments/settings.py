"""Settings: the typed arguments of `build_app`. Read once, passed down; unknown keys are errors."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from deployments.errors import ConfigurationError
from deployments.ingress.access import LOOPBACK, Access
from deployments.ingress.keys import Key, KeyRing
from deployments.jobs.messages import ANYBODY, Client, EdgeSettings
from deployments.jobs.policy import Policy
from deployments.logs import Format
from upscaler.pictures.picture import Limits

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
UserPath = Annotated[Path, AfterValidator(Path.expanduser)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LimitSettings(_Strict):
    """What an upload may be."""

    max_upload_bytes: Count = 32 << 20
    max_input_px: Count = 25_000_000
    max_output_px: Count = 400_000_000
    max_side_px: Count = 65_500
    max_queued: Count = 1000
    max_stored_bytes: Count | None = Field(default=None, description="None: as much as the storage has room for")
    max_bodies_bytes: Count = Field(default=256 << 20, description="of all request bodies on their way at once")
    max_downloads: Count = Field(default=64, description="that one proxy streams at once")

    def of_pictures(self) -> Limits:
        return Limits(self.max_input_px, self.max_output_px, self.max_side_px)


class ModelSettings(_Strict):
    """Which models are served, and where their weights are looked for."""

    catalogue: UserPath | None = None
    served: tuple[str, ...] | None = Field(default=None, description="None: every catalogued model with weights here")
    default: str = "realesrgan-x4plus"
    weights_dir: UserPath | None = None
    weights_files: dict[str, UserPath] = {}


class UpscalerSettings(_Strict):
    """The replicas that compute. Scaled by the work that waits, between min and max."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    min_replicas: Annotated[int, Field(ge=0)] = 1
    max_replicas: Count | None = Field(default=None, description="None: one for each GPU, or one on a processor")
    replicas_per_host: Count = 1
    num_cpus: Annotated[float, Field(ge=0)] = 0.1
    num_gpus: Annotated[float, Field(gt=0)] = 1
    memory_budget_bytes: Count | None = None
    drain_s: Seconds = Field(default=10.0, description="one more replica for every so many seconds of waiting work")
    idle_s: Seconds = Field(default=60.0, description="how long a replica is kept when there is less to do")

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.max_replicas is not None and self.max_replicas < self.min_replicas:
            raise ValueError("max_replicas is less than min_replicas")
        if self.device == "cpu" and self.dtype == "float16":
            raise ValueError("float16 is hundreds of times slower than float32 on a processor")
        return self


def _reason(error: Exception) -> str:
    """Why a file cannot be read, without a word of what stands in it: it may be a key that belongs elsewhere."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False)[0]
        return " ".join([".".join(map(str, first["loc"][:1])), first["msg"]]).strip()
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is not YAML of text"


class IngressSettings(_Strict):
    """The replicas that answer HTTP."""

    num_replicas: Count = 1
    max_ongoing_requests: Count = 400


class QuotaSettings(_Strict):
    """What one client may have. None: no limit."""

    max_jobs: Count | None = None
    max_bytes: Count | None = None
    per_minute: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None

    def client(self, name: str) -> Client:
        return Client(name, self.max_jobs, self.max_bytes, self.per_minute)


class KeySettings(QuotaSettings):
    """A key by its digest, and what may be done with it."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    def key(self) -> Key:
        return Key(self.sha256, self.client(self.name))


KeyList = Annotated[tuple[KeySettings, ...], Field(min_length=1)]
"""Of a file: an empty one would let everybody in."""


class AccessSettings(_Strict):
    """From where the service may be used."""

    hosts: tuple[Annotated[str, AfterValidator(str.lower)], ...] = LOOPBACK
    origins: tuple[str, ...] = ()
    keys: tuple[KeySettings, ...] = ()
    keys_file: UserPath | None = Field(default=None, description="a YAML file with a list like `keys`")
    without_key: QuotaSettings | None = Field(default=None, description="None: refused, where there are keys")

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        for what in ("name", "sha256"):
            if len({getattr(key, what) for key in self.keys}) < len(self.keys):
                raise ValueError(f"two keys have the same {what}")
        return self

    def with_keys_of_the_file(self) -> Self:
        """These settings with the keys that the file holds. Raises ConfigurationError."""
        if self.keys_file is None:
            return self
        try:
            listed = yaml.safe_load(self.keys_file.read_text())
            found = TypeAdapter(KeyList).validate_python(listed)
            return type(self).model_validate({**dict(iter(self)), "keys": (*self.keys, *found), "keys_file": None})
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise ConfigurationError(f"{self.keys_file} has no list of keys: {_reason(error)}") from None

    def key_ring(self) -> KeyRing:
        nobody = None if self.without_key is None else self.without_key.client(ANYBODY.name)
        return KeyRing((key.key() for key in self.keys), nobody)

    def access(self) -> Access:
        return Access(self.hosts, self.origins)


class Settings(_Strict):
    """Everything that can be configured; `docs/operations.md` says what each does."""

    storage_url: Annotated[str, Field(min_length=1)] = "~/.local/share/upscaler"
    store_name: Annotated[str, Field(min_length=1)] = "JobStore"
    result_ttl_s: Seconds = 900.0
    tombstone_ttl_s: Seconds = 900.0
    lease_s: Seconds = 15.0
    queue_limit_s: Seconds = 86_400.0
    cold_start_limit_s: Seconds = 300.0
    stuck_after_s: Seconds = 600.0
    log_format: Format = "text"
    limits: LimitSettings = LimitSettings()
    models: ModelSettings = ModelSettings()
    upscaler: UpscalerSettings = UpscalerSettings()
    ingress: IngressSettings = IngressSettings()
    access: AccessSettings = AccessSettings()

    def policy(self) -> Policy:
        """The numbers that the job table goes by."""
        return Policy(
            result_ttl_s=self.result_ttl_s,
            tombstone_ttl_s=self.tombstone_ttl_s,
            lease_s=self.lease_s,
            queue_limit_s=self.queue_limit_s,
            cold_start_limit_s=self.cold_start_limit_s,
            stuck_after_s=self.stuck_after_s,
            max_queued=self.limits.max_queued,
            max_stored_bytes=self.limits.max_stored_bytes,
            num_keys=len(self.access.keys),
            scales_to_zero=self.upscaler.min_replicas == 0,
        )

    def of_the_edge(self) -> EdgeSettings:
        """What the edge asks the job store for."""
        limits = self.limits
        return EdgeSettings(
            self.storage_url,
            limits.max_upload_bytes,
            limits.max_bodies_bytes,
            limits.max_downloads,
            self.access.hosts,
            self.access.origins,
            tuple((key.sha256, key.name) for key in self.access.keys),
            self.access.without_key is None,
            self.log_format,
        )

    def store_version(self) -> str:
        """Changes whenever a running store would no longer be the one these settings and this code mean."""
        digest = hashlib.sha256(repr((self.policy(), self.of_the_edge())).encode())
        here = Path(__file__).parent
        sources = [here / "errands.py", here / "errors.py", here / "logs.py"]
        for room in ("jobs", "metrics", "storage"):
            sources += (here / room).glob("*.py")
        for source in sorted(sources):
            digest.update(source.read_bytes())
        return digest.hexdigest()
