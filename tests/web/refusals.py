"""A service that refuses, played by the browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from playwright.sync_api import Route

from deployments.ingress.problems import PROBLEMS, SENTENCES

REFUSED = r"the server responded with a status of"
LOST = r"net::ERR_|" + REFUSED
UPSCALE = re.compile("/api/v1/upscale$")


def refusal(code: str, retry_after_s: int | None = None) -> Callable[[Route], None]:
    """A handler that refuses a request as the service would."""
    status, title = PROBLEMS[code]
    body = {"success": False, "error": SENTENCES.get(code, f"{title}."), "code": code, "instance": "abc123"}
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}

    def refuse(route: Route) -> None:
        route.fulfill(status=status, body=json.dumps(body), content_type="application/problem+json", headers=headers)

    return refuse
