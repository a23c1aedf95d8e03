"""The composition root: settings in, a Serve application out.

No `from __future__ import annotations` here: Serve looks at the builder's annotation itself, and
hands over a plain dict when it finds a string.
"""

from typing import Any

import ray
from ray.serve import Application, Deployment, deployment

from deployments.ingress.admission import Serving
from deployments.ingress.deployment import Ingress
from deployments.serving import served_models
from deployments.settings import Settings
from deployments.upscaler.deployment import Upscaler
from upscaler.device import DeviceName

ASSUMED_GFLOPS = {"cpu": 200.0, "cuda": 50_000.0}
"""What jobs are estimated by before any has been measured."""

GRACEFUL_SHUTDOWN_S = 28.0
"""Just under the time after which Serve's own shutdown kills what is left."""

HEALTH_PERIOD_S = 2.0


def build_app(settings: Settings) -> Application:
    """The Upscaler application. Raises ConfigurationError when it could not serve its default model."""
    settings = settings.model_copy(update={"access": settings.access.with_keys_of_the_file()})
    num_gpus = _gpus_to_use(settings)
    device: DeviceName = "cuda" if num_gpus else "cpu"
    ingress: Deployment = deployment(
        name="Ingress",
        num_replicas=settings.ingress.num_replicas,
        max_ongoing_requests=settings.ingress.max_ongoing_requests,
        graceful_shutdown_wait_loop_s=0.1,
        health_check_period_s=HEALTH_PERIOD_S,
        ray_actor_options={"num_cpus": 0},
    )(Ingress)
    upscaler: Deployment = deployment(
        name="Upscaler",
        autoscaling_config=_autoscaling(settings, num_gpus),
        graceful_shutdown_timeout_s=GRACEFUL_SHUTDOWN_S,
        graceful_shutdown_wait_loop_s=0.1,
        health_check_period_s=HEALTH_PERIOD_S,
        ray_actor_options={
            "num_cpus": settings.upscaler.num_cpus,
            "num_gpus": settings.upscaler.num_gpus if num_gpus else 0,
        },
    )(Upscaler)
    return ingress.bind(settings, _serving(settings, device), upscaler.bind(settings, device))


def _gpus_to_use(settings: Settings) -> int:
    """How many replicas the cluster's GPUs are for, when they are to be used. `auto` takes what is
    there now: it is for one machine."""
    wanted = settings.upscaler.device
    if wanted == "cpu":
        return 0
    present = int(ray.cluster_resources().get("GPU", 0) / settings.upscaler.num_gpus)  # type: ignore[no-untyped-call]
    return present if wanted == "auto" else max(1, present)


def _autoscaling(settings: Settings, num_gpus: int) -> dict[str, Any]:
    wanted = settings.upscaler
    return {
        "min_replicas": wanted.min_replicas,
        "max_replicas": max(wanted.min_replicas, wanted.max_replicas or max(1, num_gpus)),
        "upscale_delay_s": 0,
        "downscale_delay_s": wanted.idle_s,
        "downscale_to_zero_delay_s": wanted.idle_s,
        "policy": {
            "policy_function": "deployments.upscaler.autoscaling:QueueDepthPolicy",
            "policy_kwargs": {"store_name": settings.store_name, "drain_s": wanted.drain_s},
        },
    }


def _serving(settings: Settings, device: DeviceName) -> Serving:
    catalogue, models = served_models(settings.models)
    return Serving(
        catalogue,
        models,
        settings.models.default,
        settings.limits.of_pictures(),
        ASSUMED_GFLOPS[device],
        settings.limits.max_upload_bytes,
        settings.result_ttl_s,
    )
