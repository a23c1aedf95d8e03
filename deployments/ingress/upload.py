"""Receive a form: bounded, spooled to disk, and gone when the request is."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import IO

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from deployments.errors import RequestError, StorageError

MAX_FILES, MAX_FIELDS, MAX_FIELD_BYTES = 4, 16, 4096
MAX_DIGITS = 20
"""Of a length that is looked at: what is longer is too large, and Python refuses to read thousands of digits."""


class _Form(MultiPartParser):
    """Starlette's parser over a body that is counted (a header may lie or be missing) and must end
    with its closing boundary. Whatever is raised while it reads, it closes the files it has opened."""

    def __init__(self, request: Request, max_bytes: int) -> None:
        super().__init__(
            request.headers,
            self._counted(request, max_bytes),
            max_files=MAX_FILES,
            max_fields=MAX_FIELDS,
            max_part_size=MAX_FIELD_BYTES,
        )
        self._complete = False

    def on_end(self) -> None:
        self._complete = True

    async def _counted(self, request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
        received_bytes = 0
        async for chunk in request.stream():
            received_bytes += len(chunk)
            if received_bytes > max_bytes:
                raise too_large(max_bytes)
            yield chunk
        if not self._complete:
            raise RequestError("bad_multipart", "The body ends before the form does.")


@dataclass(frozen=True, slots=True)
class Upload:
    """The one image of a form, and its other fields. `file` lives as long as the request."""

    file: IO[bytes]
    filename: str
    size_bytes: int
    fields: dict[str, list[str]]


@contextlib.asynccontextmanager
async def received(request: Request, max_bytes: int) -> AsyncIterator[Upload]:
    """Read the request's form.

    Raises RequestError: body_too_large (from the header alone where it says so), bad_multipart,
    unsupported_media_type, missing_image, duplicate_image, empty_image. Raises ClientDisconnect.
    """
    _check_headers(request, max_bytes)
    try:
        form = await _Form(request, max_bytes).parse()
    except (MultiPartException, UnicodeError, LookupError) as error:  # the last two: names in an odd charset
        raise RequestError("bad_multipart", "The body is not a well-formed multipart form.") from error
    except OSError as error:
        raise StorageError("an upload cannot be spooled: the temporary directory is full") from error
    try:
        yield _upload(form)
    finally:
        await form.close()


def _check_headers(request: Request, max_bytes: int) -> None:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "multipart/form-data" or "content-encoding" in request.headers:
        raise RequestError("unsupported_media_type", "Send the image as multipart/form-data, without encoding.")
    if announced_bytes(request.headers) > max_bytes:
        raise too_large(max_bytes)


def announced_bytes(headers: Headers) -> int:
    """The body's size as its header has it; 0 where none is said, or no number."""
    length = headers.get("content-length", "")
    return int("0" + length.lstrip("0")[:MAX_DIGITS]) if length.isascii() and length.isdecimal() else 0


def too_large(max_bytes: int) -> RequestError:
    """The error for a body over the limit."""
    return RequestError("body_too_large", f"The body is larger than the {max_bytes} bytes allowed.", limit=max_bytes)


def _upload(form: FormData) -> Upload:
    images = form.getlist("image")
    if len(images) > 1:
        raise RequestError("duplicate_image", "The form has more than one image.")
    if not images or not isinstance(images[0], UploadFile):
        raise RequestError("missing_image", "The form has no file called image.")
    image = images[0]
    if not image.size:
        raise RequestError("empty_image", "The image has no bytes.")
    fields: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        fields.setdefault(name, []).append(value if isinstance(value, str) else "")
    return Upload(image.file, image.filename or "", image.size, fields)


__all__ = ["ClientDisconnect", "Upload", "announced_bytes", "received", "too_large"]
