"""Everything the service raises on purpose.

ServiceError
├── RequestError                 a row of the contract's table: an answer to this request
├── StoreUnavailableError        the JobStore does not answer just now
├── DecoderError                 no process can be had that decodes pictures
├── StorageError                 the storage does not work, or belongs to another
└── ConfigurationError           the service cannot start like this
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ServiceError(Exception):
    """Root of the tree. `str(error)` is a plain sentence without paths or names of libraries,
    except for StorageError and ConfigurationError, which are for the operator."""


class RequestError(ServiceError):
    """An answer of the HTTP contract: its code, a sentence, and facts for the body."""

    def __init__(self, code: str, sentence: str, *, retry_after_s: int | None = None, **facts: Any) -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.retry_after_s = code, sentence, retry_after_s
        self.facts: Mapping[str, Any] = facts


class StoreUnavailableError(ServiceError):
    """The JobStore is restarting, or does not answer in time."""


class StoreGoneError(StoreUnavailableError):
    """There is no JobStore, and none will come by itself."""


class DecoderError(ServiceError):
    """Pictures cannot be decoded just now; the picture at hand is not to blame."""


class StorageError(ServiceError):
    """The storage cannot be read or written."""


class ConfigurationError(ServiceError):
    """The service cannot start with this configuration."""
