"""How long a client wants to wait for an answer: `?wait=N`, or `Prefer: wait=N` of RFC 7240."""

from __future__ import annotations

import re

from deployments.errors import RequestError

MAX_WAIT_S = 60
PREFERENCE = re.compile(r"wait\s*=\s*\"?(\d{1,9})\"?", re.ASCII)
SECONDS = re.compile(r"\d{1,9}", re.ASCII)


def asked_wait_s(wait: str | None) -> int:
    """Seconds of the query parameter, at most MAX_WAIT_S. Raises RequestError when it is no whole number."""
    if wait is None:
        return 0
    if not SECONDS.fullmatch(wait):
        raise RequestError("invalid_wait", f"wait must be a whole number of seconds, at most {MAX_WAIT_S}.")
    return min(int(wait), MAX_WAIT_S)


def preferred_wait_s(prefer: list[str]) -> int | None:
    """Seconds of the `Prefer` headers, at most MAX_WAIT_S; None when they do not say. A preference that
    cannot be understood is ignored, as its RFC wants it."""
    for preference in ",".join(prefer).lower().split(","):
        name_and_value = preference.split(";")[0].strip()
        if found := PREFERENCE.fullmatch(name_and_value):
            return min(int(found[1]), MAX_WAIT_S)
    return None
