"""What RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH names: Serve calls it in every process that listens."""

from __future__ import annotations

import os
from typing import Any

STORE_NAME = "UPSCALER_STORE_NAME"
"""Environment variable with the name of the job store, where the configuration gives it another one."""


def middlewares() -> list[Any]:
    """The middlewares to put around Serve's proxy, the edge alone."""
    from starlette.middleware import Middleware

    from deployments.edge.edge import Edge
    from deployments.edge.patience import install
    from deployments.jobs.messages import ACTOR_NAME
    from deployments.jobs.remote import RemoteStore
    from deployments.logs import join_serve
    from deployments.metrics.meter import RayMeter

    join_serve()
    install()
    return [Middleware(Edge, store=RemoteStore(os.environ.get(STORE_NAME, ACTOR_NAME)), meter=RayMeter())]
