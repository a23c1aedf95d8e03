"""An object store behind a URL: how long it may take, and what its errors are called here.

Where it is and who we are comes from the operator's environment, by the names that obstore reads:
AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_ACCOUNT_NAME and so on.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.exceptions import BaseError, NotFoundError
from obstore.store import ObjectStore, from_url

from deployments.errors import StorageError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

SMALL_S = 4.0
"""The bound on a call of a few bytes: less than the 5 s that those wait who ask the store."""

LIMITS: ClientConfig = {
    "connect_timeout": "2s",
    # Runs from the request to its answer and starts anew with each piece of it, so it must leave time
    # for a part of an upload to be sent; it does not run while we read slowly ourselves.
    "read_timeout": "20s",
    # Runs until the last byte has come, and ends the download when it is over: with the 30 s that are
    # obstore's default, no client whose line is slower than that would ever get its result.
    "timeout": "1day",
}
RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=3)}
"""A server that refuses fails a call within a second, one that hangs within 3 + 20 s, whatever the call."""

OPERATORS = (
    *("allow_http", "allow_invalid_certificates", "root_certificate", "user_agent", "http1_only", "http2_only"),
    *("connect_timeout", "read_timeout", "timeout", "pool_idle_timeout", "pool_max_idle_per_host"),
    *("proxy_url", "proxy_ca_certificate", "proxy_excludes"),
)
PREFIXES = {"s3": "AWS_", "s3a": "AWS_", "gs": "GOOGLE_"} | dict.fromkeys(
    ("az", "azure", "adl", "abfs", "abfss"), "AZURE_"
)


def open_objects(url: str) -> ObjectStore:
    """Open `s3://bucket/prefix`, `gs://…` or `az://…`, without asking it anything yet.

    Raises obstore's errors, and ValueError.
    """
    return from_url(url, client_options=_client_options(urlsplit(url).scheme), retry_config=RETRIES)


def _client_options(scheme: str) -> ClientConfig:
    """Our limits, and over them what the environment says: given options, obstore no longer looks there itself."""
    prefix = PREFIXES.get(scheme)
    named = {key: os.environ.get(f"{prefix}{key.upper()}") for key in OPERATORS} if prefix else {}
    return LIMITS | {key: value for key, value in named.items() if value}  # type: ignore[return-value]


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Errors of obstore and of the kernel as ours: FileNotFoundError stays, all others become StorageError."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise FileNotFoundError("no such file in storage") from error
    except (BaseError, OSError) as error:
        reason = str(error).partition("\n")[0] or "no answer in time"
        raise StorageError(f"storage failed: {reason}") from error


@contextlib.contextmanager
def translated_put() -> Iterator[None]:
    """As `translated`, for writing: there only the bucket or the directory itself can be missing."""
    try:
        with translated():
            yield
    except FileNotFoundError as error:
        raise StorageError("storage failed: the bucket or directory is not there") from error
