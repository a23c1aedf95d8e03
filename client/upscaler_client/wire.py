"""Requests as httpx sends them. Both clients go through here; neither adds anything of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

import httpx

from upscaler_client.exchange import Lost, Request

CONNECT_S, WRITE_S = 10.0, 30.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the service is, and the key for it, which is never shown."""

    url: str
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError. No message has the key or the address in it: one may be in the other."""
        try:
            url = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise ValueError("The service's address cannot be read.") from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError("The service's address must begin with http:// or https:// and name a host.")
        if url.userinfo or url.query or url.fragment:
            raise ValueError("The service's address must have no user, query or fragment.")
        if self.key is not None and not (self.key and self.key.isascii() and self.key.isprintable()):
            raise ValueError("The key must be visible ASCII characters.")

    @property
    def headers(self) -> Mapping[str, str]:
        """Of every request. Results are wanted as they are: what was compressed on the way cannot be bounded."""
        agent = {"User-Agent": f"upscaler-client/{version('upscaler-client')}", "Accept-Encoding": "identity"}
        return agent | ({"Authorization": f"Bearer {self.key}"} if self.key else {})


@contextlib.contextmanager
def prepared(origin: Origin, request: Request) -> Iterator[httpx.Request]:
    """The request, as long as its image is open. Raises OSError when that cannot be opened."""
    url = origin.url.rstrip("/") + request.path
    headers = {**origin.headers, **request.headers, "X-Request-ID": request.request_id}
    silence_s = max(request.silence_s, 0.001)
    timeout = httpx.Timeout(silence_s, connect=min(CONNECT_S, silence_s), write=min(WRITE_S, silence_s))
    extensions = {"timeout": timeout.as_dict()}
    if request.form is None:
        yield httpx.Request(request.method, url, headers=headers, extensions=extensions)
        return
    form = request.form
    with form.opened() as file:
        files = {"image": (form.name, file)}
        sent = httpx.Request(request.method, url, headers=headers, data=form.fields, files=files, extensions=extensions)
        sent.stream = _Counted(sent.stream, int(sent.headers["Content-Length"]), form.on_sent)
        yield sent


class _Counted(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that says how much of it is on its way."""

    def __init__(self, body: object, size_bytes: int, on_sent: Callable[[int, int], None]) -> None:
        assert isinstance(body, httpx.SyncByteStream)  # noqa: S101  (a form can be read in both ways)
        self._body, self._size_bytes, self._on_sent = body, size_bytes, on_sent

    def __iter__(self) -> Iterator[bytes]:
        sent_bytes = 0
        for chunk in self._body:
            yield chunk
            sent_bytes += len(chunk)
            self._on_sent(sent_bytes, self._size_bytes)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


def lost(error: httpx.TransportError | httpx.DecodingError) -> Lost:
    """What is said of an exchange that broke."""
    said = str(error).rstrip(".")
    return Lost(f"{type(error).__name__}: {said}" if said else type(error).__name__)
