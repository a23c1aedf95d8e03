"""The edge around our own routes only: the peer's requests go through Serve's proxy as they would without us."""

from __future__ import annotations

from typing import Any

PEER = "/peer"


def middlewares() -> list[Any]:
    """What RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH names here."""
    from starlette.middleware import Middleware

    from deployments.edge.callback import middlewares as of_the_service

    (edge,) = of_the_service()
    return [Middleware(ButForThePeer, edge=edge)]


class ButForThePeer:
    """Chooses by the path. In HAProxy mode it has the path without the peer's prefix, which `root_path` has then."""

    def __init__(self, app: Any, edge: Any) -> None:
        self._app, self._with_edge = app, edge.cls(app, *edge.args, **edge.kwargs)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("root_path", "") + scope.get("path", "")
        await (self._app if path.startswith(PEER) else self._with_edge)(scope, receive, send)
