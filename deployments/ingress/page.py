"""The web page: its files, read once, and what a browser may do with them."""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import Response

FRONT = "index.html"
MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",  # pictures of the user's, and results, are shown from memory
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"}


def add_page(app: FastAPI) -> None:
    """Add `/` and the files that it is made of, below `/web/`."""
    parts = _parts()

    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def front_page() -> Response:
        return _answer(FRONT, parts[FRONT])

    @app.head("/web/{name}", include_in_schema=False)
    @app.get("/web/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        if name not in parts or name == FRONT:  # the page's own addresses are relative to `/`
            raise HTTPException(404)
        return _answer(name, parts[name])


def _parts() -> dict[str, bytes]:
    """Every file of the page by its name."""
    folder = files("deployments.ingress") / "web"
    return {file.name: file.read_bytes() for file in folder.iterdir() if _ending(file.name) in MEDIA_TYPES}


def _answer(name: str, data: bytes) -> Response:
    return Response(data, media_type=MEDIA_TYPES[_ending(name)], headers=HEADERS)


def _ending(name: str) -> str:
    return name.rpartition(".")[2]
