"""API keys: who asks, and what they may have. Off as long as none is configured.

Of a key only its SHA-256 is kept, which suffices for keys that are drawn at random and not made up.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers

from deployments.ingress.problems import refused
from deployments.jobs.messages import ANYBODY, Client

OPEN = ("/healthz", "/readyz", "/", "/docs", "/openapi.json")
"""Addresses that tell nothing of anybody's jobs."""
PAGE = "/web/"
"""What the web page is made of: it asks for the key itself."""


@dataclass(frozen=True, slots=True)
class Key:
    """`sha256` in hexadecimal."""

    sha256: str
    client: Client


class KeyRing:
    """All keys. With none of them, everybody is the same client. `nobody`: who comes without a key; None refuses
    it, where there are keys."""

    def __init__(self, keys: Iterable[Key] = (), nobody: Client | None = None) -> None:
        self._keys, self._nobody = tuple(keys), nobody

    @property
    def is_needed(self) -> bool:
        """Whether nobody is served without one."""
        return bool(self._keys) and self._nobody is None

    def client(self, headers: Headers) -> Client:
        """Who asks. Raises RequestError unauthorized."""
        if not self._keys:
            return self._nobody or ANYBODY
        said = said_key(headers)
        if not said and self._nobody is not None:
            return self._nobody
        digest = hashlib.sha256(said.encode()).hexdigest()
        found = [key for key in self._keys if hmac.compare_digest(key.sha256, digest)]  # all of them, in the same time
        if not found:
            raise refused("unauthorized")
        return found[0].client

    def check(self, path: str, headers: Headers) -> Client:
        """Who asks for an address. Raises RequestError unauthorized."""
        return ANYBODY if path in OPEN or path.startswith(PAGE) else self.client(headers)


def said_key(headers: Headers) -> str:
    """The key of a request: `Authorization: Bearer`, or `X-API-Key`."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    return headers.get("x-api-key", "")
