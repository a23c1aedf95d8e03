"""What Ray is told by tests that start one. It reads this once: update `os.environ` before it is imported."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]

EDGE_ONLY = {
    "RAY_AUTH_MODE": "disabled",  # token authentication is for clusters of users
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "deployments.edge.callback:middlewares",
    "RAY_USAGE_STATS_ENABLED": "0",
}

IN_THIS_PROCESS = EDGE_ONLY | {
    "RAY_SERVE_LOG_TO_STDERR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "PYTHONPATH": str(ROOT),
}
