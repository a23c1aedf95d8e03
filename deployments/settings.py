"""Settings: the typed arguments of `build_app`. Read once, passed down; unknown keys are errors."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from deployments.ingress.access import LOOPBACK, Access
from deployments.jobs.messages import EdgeSettings
from deployments.jobs.policy import Policy
from upscaler.picture import Limits

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


class IngressSettings(_Strict):
    """The replicas that answer HTTP."""

    num_replicas: Count = 1
    max_ongoing_requests: Count = 400


class AccessSettings(_Strict):
    """From where the service may be used."""

    hosts: tuple[str, ...] = LOOPBACK
    origins: tuple[str, ...] = ()

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
            max_queued=self.limits.max_queued,
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
        )

    def store_version(self) -> str:
        """Changes whenever a running store would no longer be the one these settings and this code mean."""
        relevant = self.model_dump_json(exclude={"models", "upscaler", "ingress", "store_name"})
        digest = hashlib.sha256(relevant.encode())
        here = Path(__file__).parent
        for source in sorted(
            [here / "errands.py", here / "errors.py", *(here / "jobs").glob("*.py"), *(here / "storage").glob("*.py")]
        ):
            digest.update(source.read_bytes())
        return digest.hexdigest()
