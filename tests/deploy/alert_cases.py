"""When which alert fires, and when it does not, in the notation of `promtool test rules`: one value a minute.

`0+1x60` begins at 0 and rises by 1 sixty times, `_x10` is ten minutes without a value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

A_STORE = {'queue_jobs{state="queued"}': "1x300", 'queue_jobs{state="running"}': "1x300"}
"""Without which its silence would be told."""


@dataclass(frozen=True, slots=True)
class Case:
    """`at` is when it is asked. `fires` are the alert's labels beside its name, its severity and `job`; None: it does
    not fire, nor any other."""

    alert: str
    says: str
    series: dict[str, str]
    at: str
    fires: dict[str, str] | None = field(default=None)
    is_without_store: bool = False

    def document(self, rules: str, severities: dict[str, str]) -> dict[str, Any]:
        """For `promtool test rules`."""
        given = self.series if self.is_without_store else A_STORE | self.series
        series = [{"series": _exposed(name), "values": values} for name, values in given.items()]
        labels = {"alertname": self.alert, "alertstate": "firing", "job": "a", "severity": severities[self.alert]}
        labels |= self.fires or {}
        written = ", ".join(f'{name}="{value}"' for name, value in labels.items() if value)
        samples = [] if self.fires is None else [{"labels": f"ALERTS{{{written}}}", "value": 1}]
        asked = {"expr": 'ALERTS{alertstate="firing"}', "eval_time": self.at, "exp_samples": samples}
        test = {"interval": "1m", "input_series": series, "promql_expr_test": [asked]}
        return {"rule_files": [rules], "evaluation_interval": "1m", "tests": [test]}


def _exposed(name: str) -> str:
    """`name{…}` of one service and one process, as it is scraped."""
    metric, _, labels = name.rstrip("}").partition("{")
    return f'ray_upscaler_{metric}{{job="a",{labels}}}'


VIOLATED = 'promise_violations_total{promise="input_lost"}'
UNREADABLE = 'promise_violations_total{promise="record_unreadable"}'
ENDED, CRASHED = 'jobs_ended_total{outcome="completed"}', 'jobs_ended_total{outcome="worker_crashed"}'
CANCELLED, INVALID = 'jobs_ended_total{outcome="cancelled"}', 'jobs_ended_total{outcome="invalid_image"}'
SILENT = 'jobs_requeued_total{why="silent"}'
QUEUED, RUNNING, OLDEST = 'queue_jobs{state="queued"}', 'queue_jobs{state="running"}', "queue_oldest_seconds"
LAG, LAG_30 = 'deletion_lag_seconds_count{why="expired"}', 'deletion_lag_seconds_bucket{why="expired", le="30.0"}'
RETRIES, COMPUTED = "dtype_retries_total", 'stage_seconds_count{stage="compute"}'
INTERNAL, FULL = 'problems_total{code="internal"}', 'problems_total{code="queue_full"}'
AWAY, NOT_FOUND = 'problems_total{code="storage_unavailable"}', 'problems_total{code="job_not_found"}'

CASES = (
    Case("UpscalerPromiseViolated", "one is", {VIOLATED: "1e-300x10 1x100"}, "11m", {"promise": "input_lost"}),
    Case(
        "UpscalerPromiseViolated",
        "one was when the store began",
        {UNREADABLE: "_x9 2x100"},
        "10m",
        {"promise": "record_unreadable"},
    ),
    Case("UpscalerPromiseViolated", "none ever was", {VIOLATED: "1e-300x100", UNREADABLE: "1e-300x100"}, "90m"),
    Case("UpscalerPromiseViolated", "that is long ago", {VIOLATED: "1e-300x10 1x200"}, "80m"),
    Case("UpscalerFileOverdue", "there is one", {"overdue_files": "0x10 1x10"}, "11m", {}),
    Case("UpscalerFileOverdue", "there is none", {"overdue_files": "0x60"}, "60m"),
    Case("UpscalerDeletionLate", "one took long", {LAG: "5+1x60", LAG_30: "5x2 5+1x58"}, "30m", {"why": "expired"}),
    Case("UpscalerDeletionLate", "none took long", {LAG: "5+1x60", LAG_30: "5+1x60"}, "30m"),
    Case("UpscalerJobStuck", "there is one", {"stuck_jobs": "0x10 1x10"}, "11m", {}),
    Case("UpscalerJobStuck", "it got on", {"stuck_jobs": "0x10 1x10 0x10"}, "25m"),
    Case("UpscalerJobsFail", "one in ten does", {ENDED: "100+9x60", CRASHED: "1+1x60"}, "40m", {}),
    Case("UpscalerJobsFail", "all three do, that have ever ended", {CRASHED: "_x9 3x20"}, "12m", {}),
    Case("UpscalerJobsFail", "two do", {CRASHED: "_x9 2x20"}, "12m"),
    Case("UpscalerJobsFail", "one in a hundred does", {ENDED: "100+99x60", CRASHED: "1+1x60"}, "40m"),
    Case(
        "UpscalerJobsFail", "it is the clients' doing", {ENDED: "9+1x60", CANCELLED: "9+9x60", INVALID: "9+9x60"}, "40m"
    ),
    Case("UpscalerReplicasFallSilent", "four do", {SILENT: "1e-300x10 4x20"}, "20m", {}),
    Case("UpscalerReplicasFallSilent", "one does", {SILENT: "1e-300x10 1x20"}, "20m"),
    Case("UpscalerQueueNotServed", "nobody runs", {OLDEST: "0+60x30", RUNNING: "0x30"}, "10m", {}),
    Case("UpscalerQueueNotServed", "somebody does", {OLDEST: "0+60x30", RUNNING: "1x30"}, "10m"),
    Case("UpscalerQueueNotServed", "nobody has waited for long", {OLDEST: "60x30", RUNNING: "0x30"}, "10m"),
    Case("UpscalerQueueFilling", "nine hundred wait", {QUEUED: "900x30"}, "10m", {}),
    Case("UpscalerQueueFilling", "a hundred wait", {QUEUED: "100x30"}, "10m"),
    Case("UpscalerQueueFilling", "it was for a minute", {QUEUED: "0x5 900x1 0x20"}, "10m"),
    Case("UpscalerHalfPrecisionOverflows", "one in ten does", {RETRIES: "0+1x60", COMPUTED: "0+10x60"}, "40m", {}),
    Case("UpscalerHalfPrecisionOverflows", "one in a hundred does", {RETRIES: "0+1x60", COMPUTED: "0+100x60"}, "40m"),
    Case("UpscalerHalfPrecisionOverflows", "nothing is computed", {RETRIES: "1e-300x60", COMPUTED: "7x60"}, "40m"),
    Case("UpscalerStoreSilent", "it was there", {QUEUED: "1x10 _x60"}, "20m", {}, is_without_store=True),
    Case("UpscalerStoreSilent", "it never was", {"overdue_files": "0x30"}, "10m", {"job": ""}, is_without_store=True),
    Case("UpscalerStoreSilent", "it began anew", {QUEUED: "1x5 stale stale 1x20"}, "8m", is_without_store=True),
    Case("UpscalerInternalErrors", "one is the first", {INTERNAL: "_x9 1x20"}, "10m", {"code": "internal"}),
    Case("UpscalerInternalErrors", "clients ask in vain", {NOT_FOUND: "0+9x60"}, "40m"),
    Case("UpscalerUnavailable", "it goes on", {AWAY: "0+1x60"}, "20m", {"code": "storage_unavailable"}),
    Case("UpscalerUnavailable", "it was a moment", {AWAY: "0x3 5x60"}, "13m"),
    Case("UpscalerRefuses", "it goes on", {FULL: "0+1x60"}, "20m", {"code": "queue_full"}),
    Case("UpscalerRefuses", "it was a burst", {FULL: "0x3 90x60"}, "13m"),
)
