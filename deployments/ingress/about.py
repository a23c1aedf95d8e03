"""What the service says of itself: models, limits, and whether it is well."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.responses import JSONResponse

from deployments.errors import ServiceError
from deployments.ingress.backend import Backend
from deployments.ingress.openapi import HEALTHY, LIMITS, MODELS, READY
from deployments.ingress.options import DEFAULT_QUALITY, DEFAULT_SCALE, FORMATS, QUALITIES
from deployments.ingress.problems import refused
from deployments.ingress.waiting import MAX_WAIT_S
from upscaler.pictures.picture import SCALES, SIDE_LIMIT

OPEN: dict[str, Any] = {"security": [{}]}
"""Of calls that ask for no key."""


def add_descriptions(app: FastAPI, backend: Backend) -> None:
    """Add the addresses that need no job."""

    @app.get("/api/v1/models", summary="The models that can be asked for", responses=MODELS)
    async def models() -> dict[str, Any]:
        return models_document(backend)

    @app.get("/api/v1/limits", summary="What a submission may be", responses=LIMITS)
    async def limits() -> dict[str, Any]:
        return limits_document(backend)

    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz", summary="Whether this process answers", responses=HEALTHY, openapi_extra=OPEN)
    async def healthz() -> dict[str, Any]:
        return {"status": "ok"}

    @app.head("/readyz", include_in_schema=False)
    @app.get(
        "/readyz",
        summary="Whether a job that came now would soon be done",
        response_class=JSONResponse,
        responses=READY,
        openapi_extra=OPEN,
    )
    async def readyz() -> dict[str, Any]:
        try:
            reason = await backend.store.why_not_ready()
        except ServiceError as error:
            raise refused("not_ready_yet") from error
        if reason is not None:
            raise refused("not_ready_yet", sentence=reason)
        return {"status": "ready"}


def models_document(backend: Backend) -> dict[str, Any]:
    serving = backend.admission.serving
    return {
        "models": [
            {
                "name": name,
                "description": serving.catalogue[name].description,
                "native_scale": serving.catalogue[name].native_scale,
                "scales": list(SCALES),
                "mflop_per_px": serving.catalogue[name].mflop_per_px,
                "default": name == serving.default_model,
            }
            for name in serving.models
        ]
    }


def limits_document(backend: Backend) -> dict[str, Any]:
    serving = backend.admission.serving
    return {
        "max_upload_bytes": serving.max_upload_bytes,
        "max_input_px": serving.limits.max_input_px,
        "max_output_px": serving.limits.max_output_px,
        "max_side_px": {name: min(SIDE_LIMIT[name], serving.limits.max_side_px) for name in FORMATS},
        "scales": list(SCALES),
        "default_scale": DEFAULT_SCALE,
        "formats": list(FORMATS),
        "quality": {"minimum": QUALITIES[0], "maximum": QUALITIES[-1], "default": DEFAULT_QUALITY},
        "result_ttl_seconds": serving.result_ttl_s,
        "max_wait_seconds": MAX_WAIT_S,
    }
