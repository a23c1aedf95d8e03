"""A client for the Upscaler.

    with Client("http://localhost:8089") as client:
        data = client.upscale("cat.png", scale=4)

`AsyncClient` has the same calls as coroutines. What can go wrong is in `errors`.
"""

from upscaler_client.async_client import AsyncClient
from upscaler_client.client import Client
from upscaler_client.errors import (
    DigestMismatchError,
    JobFailedError,
    OutOfTimeError,
    RefusedError,
    ServiceUnreachableError,
    UnexpectedAnswerError,
    UpscalerError,
)
from upscaler_client.options import Options
from upscaler_client.status import ImageFacts, Status

__all__ = [
    "AsyncClient",
    "Client",
    "DigestMismatchError",
    "ImageFacts",
    "JobFailedError",
    "Options",
    "OutOfTimeError",
    "RefusedError",
    "ServiceUnreachableError",
    "Status",
    "UnexpectedAnswerError",
    "UpscalerError",
]
