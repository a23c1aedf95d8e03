"""Every figure that the service gives of itself, by the name, kind and labels that Prometheus sees.

Labels are few and have few values: never an id, a name, a key or an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "ray_"
"""Ray puts it before every name."""

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """`says`: what it is, in a sentence without its end. `bounds`: upper ends of a histogram's buckets."""

    name: str
    kind: Kind
    says: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def exposed_name(self) -> str:
        """As Prometheus has it; a histogram's series have `_bucket`, `_sum` or `_count` behind it."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"


STAGE_BOUNDS_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
LAG_BOUNDS_S = (0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0, 10_000.0)
SWEEP_BOUNDS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)

# -- of the job store --------------------------------------------------------------------------------------

JOBS_ACCEPTED = Metric("upscaler_jobs_accepted", "counter", "jobs that are on disk and promised", ("model",))
JOBS_ENDED = Metric(
    "upscaler_jobs_ended",
    "counter",
    "jobs that have ended; `outcome` is `completed`, or the `error_code` of the status",
    ("model", "outcome"),
)
JOBS_REQUEUED = Metric(
    "upscaler_jobs_requeued",
    "counter",
    "jobs that came back into the queue; `why` is `silent`, their replica was no longer heard of, or `released`, "
    "it gave them back",
    ("why",),
)
QUEUE_JOBS = Metric(
    "upscaler_queue_jobs", "gauge", "jobs that have not ended, by `state`: `queued`, `running`", ("state",)
)
QUEUE_WORK_S = Metric("upscaler_queue_work_seconds", "gauge", "estimated work of the jobs that have not ended")
QUEUE_OLDEST_S = Metric("upscaler_queue_oldest_seconds", "gauge", "how long the job that is next has waited")
STUCK_JOBS = Metric(
    "upscaler_stuck_jobs",
    "gauge",
    "jobs that a replica has begun and whose progress has stood still for `stuck_after_s`",
)
DOWNLOADS = Metric(
    "upscaler_downloads",
    "counter",
    "downloads that have ended; `result` is `delivered`, `kept` (delivered with `?keep=1`), `aborted`, or `lost`: the "
    "bytes were gone or changed",
    ("result",),
)
HELD_BYTES = Metric(
    "upscaler_held_bytes",
    "gauge",
    "bytes in storage when it was last looked through; `kind` is `input`, `result`, `record` or `other`",
    ("kind",),
)
DELETION_LAG_S = Metric(
    "upscaler_deletion_lag_seconds",
    "histogram",
    "from the moment when a picture had to go to its deletion; `why` is `ended`, `downloaded`, `expired`, `deleted` "
    "or `lost`",
    ("why",),
    LAG_BOUNDS_S,
)
OVERDUE_FILES = Metric("upscaler_overdue_files", "gauge", "files in storage that should have been deleted by now")
OVERDUE_S = Metric("upscaler_overdue_seconds", "gauge", "for how long the worst of them should have been gone")
VIOLATIONS = Metric(
    "upscaler_promise_violations",
    "counter",
    "promises that were not kept; `promise` is `input_lost` or `result_lost`: the bytes of an accepted job were gone, "
    "`record_unreadable`: a job was not found again after a restart, `kept_too_long`: a picture outlived its time",
    ("promise",),
)
SWEEP_S = Metric(
    "upscaler_sweep_seconds", "histogram", "one round of the job store's periodic task", (), SWEEP_BOUNDS_S
)

# -- of the replicas ---------------------------------------------------------------------------------------

STAGE_S = Metric(
    "upscaler_stage_seconds",
    "histogram",
    "what a job's time goes into; `stage` is `admit` (look at an upload), `queue` (wait for a replica), `read`, "
    "`decode`, `load` (a model), `compute`, `encode`, `store`, or `all` (from its acceptance to its result)",
    ("stage",),
    STAGE_BOUNDS_S,
)
PIXELS = Metric(
    "upscaler_pixels", "counter", "pixels that went into a model; alpha with edges counts again", ("model",)
)
QUANTA = Metric("upscaler_quanta", "counter", "pieces of work that the engines have done")
ENGINE_BUSY_S = Metric("upscaler_engine_busy_seconds", "counter", "time that the engines have spent on them")
DTYPE_RETRIES = Metric(
    "upscaler_dtype_retries",
    "counter",
    "tiles that left the range of the half precision and were computed again in float32",
)

# -- of whoever answers HTTP -------------------------------------------------------------------------------

PROBLEMS = Metric("upscaler_problems", "counter", "answers that were an error, by its `code`", ("code",))

ALL = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
