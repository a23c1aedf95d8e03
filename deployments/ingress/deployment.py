"""The Ingress as Serve runs it."""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments.ingress.admission import Admission, Serving
from deployments.ingress.api import create_app
from deployments.ingress.backend import Backend
from deployments.jobs.actor import ensure_store
from deployments.jobs.remote import RemoteStore
from deployments.settings import Settings
from deployments.storage.storage import open_storage


@serve.ingress()
class Ingress:
    """Answers HTTP. The first replica to come also brings up the job store: the one place that may,
    since the builder of the application runs elsewhere too."""

    def __init__(self, settings: Settings, serving: Serving, _upscaler: DeploymentHandle[Any]) -> None:
        # The handle goes unused, since replicas pull their work: it makes the two one application.
        os.umask(0o077)
        ensure_store(settings)
        self._backend = Backend(
            store=RemoteStore(settings.store_name),
            storage=open_storage(settings.storage_url),
            admission=Admission(serving),
            max_upload_bytes=settings.limits.max_upload_bytes,
        )

    def __serve_build_asgi_app__(self) -> FastAPI:
        return create_app(self._backend, behind_serve_proxy=True)
