"""What the dashboard shows, row by row. `dashboard.py` makes Grafana's file of it."""

from __future__ import annotations

from dataclasses import dataclass

JOB = 'job=~"$job"'
"""In every selector: the services that are chosen at the top of the dashboard."""


@dataclass(frozen=True, slots=True)
class Panel:
    """`series` are pairs of an expression and its legend. `kind` is Grafana's; `says` stands behind an (i)."""

    title: str
    series: tuple[tuple[str, str], ...]
    says: str = ""
    unit: str = "short"
    width: int = 8
    kind: str = "timeseries"
    is_bad_above_0: bool = False
    is_stacked: bool = False


def rate(metric: str, by: str = "", **only: str) -> str:
    """What comes of a counter a second, over all processes."""
    return f"sum{_by(by)} (rate(ray_{metric}{selector(**only)}[$__rate_interval]))"


def number(metric: str, by: str = "", **only: str) -> str:
    """What came of a counter between two points of the graph."""
    return f"sum{_by(by)} (increase(ray_{metric}{selector(**only)}[$__rate_interval]))"


def level(metric: str, by: str = "") -> str:
    """A gauge of the job store. For a minute after its end there may be those of two."""
    return f"max{_by(by)} (ray_{metric}{selector()})"


def quantile(share: float, metric: str, by: str = "", **only: str) -> str:
    within = f"rate(ray_{metric}_bucket{selector(**only)}[$__rate_interval])"
    return f"histogram_quantile({share}, sum{_by(f'le, {by}' if by else 'le')} ({within}))"


def selector(**only: str) -> str:
    return "{" + ", ".join([JOB, *(f'{label}="{value}"' for label, value in only.items())]) + "}"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""


def alarm(title: str, expression: str, says: str, unit: str = "short") -> Panel:
    """One number that ought to be 0."""
    return Panel(title, ((expression, ""),), says, unit, width=6, kind="stat", is_bad_above_0=True)


VIOLATIONS = f"ray_upscaler_promise_violations_total{selector()}"
PROMISE = (
    alarm(
        "Promises not kept",
        f"sum ({VIOLATIONS} - ({VIOLATIONS} offset $__range or 0 * {VIOLATIONS}))",  # as in alerts.yml
        "In the time that is shown: pictures or records lost, or kept for too long.",
    ),
    alarm(
        "Overdue files",
        level("upscaler_overdue_files"),
        "Files that should have been deleted; looked for once a minute.",
    ),
    alarm(
        "Overdue for",
        level("upscaler_overdue_seconds"),
        "For how long the worst of them should have been gone.",
        unit="s",
    ),
    alarm("Stuck jobs", level("upscaler_stuck_jobs"), "Begun, and the progress has stood still for stuck_after_s."),
    Panel(
        "Promises not kept, since Ray began",
        ((f"sum by (promise) ({VIOLATIONS})", "{{promise}}"),),
        "Not the rate: one that is found while the job store starts would not be seen.",
        width=12,
    ),
    Panel(
        "Deletion lag",
        ((quantile(0.99, "upscaler_deletion_lag_seconds", "why"), "{{why}}"),),
        "From the moment when a picture had to go to its deletion: 99 of 100 take no longer.",
        unit="s",
        width=12,
    ),
)

JOBS = (
    Panel(
        "Accepted", ((rate("upscaler_jobs_accepted_total", "model"), "{{model}}"),), "Jobs a second.", is_stacked=True
    ),
    Panel(
        "Ended, by outcome",
        ((rate("upscaler_jobs_ended_total", "outcome"), "{{outcome}}"),),
        "Jobs a second. `completed`, or the error_code of the job's status.",
        is_stacked=True,
    ),
    Panel(
        "Came back into the queue",
        ((number("upscaler_jobs_requeued_total", "why"), "{{why}}"),),
        "`silent`: their replica died or was lost. `released`: it gave them back.",
    ),
    Panel(
        "Queue", ((level("upscaler_queue_jobs", "state"), "{{state}}"),), "Jobs that have not ended.", is_stacked=True
    ),
    Panel(
        "Oldest",
        ((level("upscaler_queue_oldest_seconds"), "the next job's wait"),),
        "How long the job that is next has waited.",
        unit="s",
    ),
    Panel(
        "Work",
        ((level("upscaler_queue_work_seconds"), "estimated work"),),
        "Of the jobs that have not ended, by estimate. Replicas are scaled by it.",
        unit="s",
    ),
)

SPEED = (
    Panel(
        "Stages, half",
        ((quantile(0.5, "upscaler_stage_seconds", "stage"), "{{stage}}"),),
        "What a job's time goes into. `all` is from its acceptance to its result.",
        unit="s",
        width=12,
    ),
    Panel(
        "Stages, 95 of 100",
        ((quantile(0.95, "upscaler_stage_seconds", "stage"), "{{stage}}"),),
        "95 of 100 jobs take no longer.",
        unit="s",
        width=12,
    ),
    Panel(
        "Pixels",
        ((rate("upscaler_pixels_total", "model"), "{{model}}"),),
        "That went into a model, a second.",
        "suffix: px/s",
    ),
    Panel(
        "Engines at work",
        ((rate("upscaler_engine_busy_seconds_total", "NodeAddress"), "{{NodeAddress}}"),),
        "1 is an engine that never rests. Of machines with more than one, the sum.",
        "percentunit",
    ),
    Panel(
        "Quanta",
        ((rate("upscaler_quanta_total", "NodeAddress"), "{{NodeAddress}}"),),
        "Pieces of work a second.",
    ),
    Panel(
        "Half precision left",
        ((number("upscaler_dtype_retries_total"), "tiles computed again"),),
        "Tiles that were computed again in float32.",
        width=12,
    ),
    Panel(
        "Sweep",
        ((quantile(0.95, "upscaler_sweep_seconds"), "95 of 100 rounds"),),
        "The job store's periodic task. It answers nobody in a round that is slow without waiting.",
        unit="s",
        width=12,
    ),
)

HTTP = (
    Panel(
        "Downloads", ((rate("upscaler_downloads_total", "result"), "{{result}}"),), "Ended, a second.", is_stacked=True
    ),
    Panel(
        "Held bytes",
        ((level("upscaler_held_bytes", "kind"), "{{kind}}"),),
        "In storage, once a minute.",
        "bytes",
        is_stacked=True,
    ),
    Panel(
        "Problems, by code",
        ((rate("upscaler_problems_total", "code"), "{{code}}"),),
        "Answers that were an error, a second.",
        is_stacked=True,
    ),
    Panel(
        "Requests, by status",
        ((rate("serve_num_http_requests_total", "status_code"), "{{status_code}}"),),
        "A second, as Ray Serve's proxies count them. What the edge answers by itself is not among them.",
        width=12,
        is_stacked=True,
    ),
    Panel(
        "Replicas",
        (
            (f"sum by (deployment) (ray_serve_deployment_replica_healthy{selector()})", "{{deployment}}"),
            (f"max by (deployment) (ray_serve_autoscaling_target_replicas{selector()})", "{{deployment}} wanted"),
        ),
        "Healthy ones, and how many Ray Serve wants.",
        width=12,
    ),
)

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    ("Promise", PROMISE),
    ("Jobs", JOBS),
    ("Speed", SPEED),
    ("HTTP and storage", HTTP),
)
