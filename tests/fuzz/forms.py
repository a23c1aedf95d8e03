"""Forms as nobody's client writes them: every part of the grammar drawn apart, and put together wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

from PIL import Image

from tests.fuzz.mutations import mutated
from tests.pictures import encoded, png

FIELDS = (b"image", b"scale", b"model", b"format", b"quality", b"metadata")
ODD_NAMES = (
    b"",
    b"image[]",
    b"IMAGE",
    b"im\0age",
    "образ".encode(),
    b"\xff\xfe\x80",
    b"a" * 5000,
    b'im"age',
    b"image\\",
    b'im\\"age',
    b"_charset_",
    b"%69mage",
    b"image; filename=x",
    b"\xed\xa0\x80",
)
VALUES = (b"4", b"2", b"png", b"95", b"keep", b"realesr-animevideov3", b"", b"x" * 4096, b"x" * 4097, b"\xff", b"\0")
CHARSETS = (
    b"utf-8", b"latin-1", b"utf-7", b"utf-16", b"utf-32", b"idna", b"punycode", b"undefined", b"unicode_escape",
    b"raw_unicode_escape", b"base64", b"hex", b"zlib", b"rot13", b"uu", b"bz2", b"mbcs", b"none", b"cp037",
    b"utf-8-sig", b"utf_8\0", b"../../etc/passwd", b"a" * 5000, b"\xff", b"", b'"', b"%00", b"hz", b"iso2022_jp",
    b"charmap", b"aliases",
)  # fmt: skip
PARAMETERS = (
    b"; charset=%s", b'; charset="%s"', b"; charset*=utf-8''%s", b"; charset*0=%s", b"; CHARSET=%s",
)  # fmt: skip
BOUNDARIES = (
    b"x", b"--", b"----WebKitFormBoundary7MA4YWxkTrZu0gW", b"a" * 70, b"a" * 71, b"a" * 5000, b"'()+_,-./:=?", b"a b",
    b" ", b"", b"\xe4", b"x\t", b"\\", b"%78", b"image",
)  # fmt: skip
FILENAMES = (
    b'; filename="a.png"', b"; filename=a.png", b'; filename=""', b"; filename", b"; filename=", b'; filename="a.png',
    b"; filename*=UTF-8''%e2%82%ac.png", b"; filename*=bogus''%ff", b"; filename*=utf-8''%ff%fe", b"; filename*='",
    b"; filename*=", b'; filename*0="a"; filename*1=".png"', b"; filename*0*=utf-8''%61; filename*1*=%ff",
    b"; filename*1=a", b"; filename*99999999999999999999=a", b"; filename*0*0=a", b"; filename*=utf-16''%00",
    b"; filename*=idna''%ff", b"; filename*=unicode_escape''%5cud800", b"; filename*=hex''%31", b"; filename*=%00''a",
    b'; filename="../../../etc/passwd"', b'; filename="C:\\\\temp\\\\a.png"', b'; filename="\xff\xfe"',
    b'; filename="a.png"; filename="b.png"', b'; filename="\\ud800"', b'; filename="' + b"a" * 4000 + b'"',
)  # fmt: skip
ODD_HEADERS = (
    b"Content-Type: image/png", b"Content-Type: text/plain; charset=utf-16", b"Content-Transfer-Encoding: base64",
    b"Content-Disposition: form-data; name=second", b"No-Colon", b": no name", b"X-Empty:", b"X\0: y", b"X-8: \xff\xfe",
    b" folded: yes", b"X: a\r\n b", b"X: a\n b", b"X: " + b"a" * 5000, b"Content-Length: 99999999999999999999",
    b"Content-Type: multipart/mixed; boundary=inner",
)  # fmt: skip
DISPOSITIONS = (
    b"form-data",
    b"form-data",
    b"form-data",
    b"attachment",
    b"",
    b"form-data;",
    b'"form-data"',
    b"FORM-DATA",
)
LINE_ENDS = (b"\r\n", b"\n", b"\r", b"", b"\r\r\n", b"\n\r")
KINDS = (
    b"multipart/form-data", b"Multipart/Form-Data", b"multipart/form-data ", b"multipart/mixed", b"multipart/", b"",
    b"application/x-www-form-urlencoded", b"image/png", b"multipart/form-data, multipart/form-data", b"text/plain",
)  # fmt: skip


@cache
def pictures() -> tuple[bytes, ...]:
    """One of each format, and of a size that goes into a file of its own."""
    small = png(1, 8, 6)
    padded = small + b"\0" * ((1 << 20) + 1)
    return (
        small,
        small,
        small,
        encoded(Image.new("L", (3, 3)), "JPEG"),
        encoded(Image.new("RGB", (3, 3)), "WEBP"),
        padded,
    )


@dataclass(frozen=True, slots=True)
class Form:
    """What goes into a request: its Content-Type headers and its body."""

    kinds: tuple[bytes, ...]
    body: bytes


def drawn(rng: random.Random) -> Form:
    """A form that is right in most places."""
    boundary = b"x" if rng.random() < 0.85 else rng.choice(BOUNDARIES)
    kinds = [_content_type(rng, boundary)]
    if rng.random() < 0.03:
        kinds.append(_content_type(rng, b"y"))
    body = _body(rng, boundary)
    if rng.random() < 0.25:
        body = mutated(rng, body, rng.choice((1, 1, 2, 5)))
    return Form(tuple(map(_sendable, kinds)), body)


def _sendable(value: bytes) -> bytes:
    """What a server's HTTP parser lets through."""
    return bytes(byte for byte in value if byte not in b"\0\r\n\v\f").strip()


def _content_type(rng: random.Random, boundary: bytes) -> bytes:
    kind = KINDS[0] if rng.random() < 0.95 else rng.choice(KINDS)
    form = rng.choices(
        (b"; boundary=%s", b'; boundary="%s"', b"; boundary*=utf-8''%s", b";boundary=%s;", b"", b"; Boundary = %s"),
        (24, 8, 1, 1, 1, 1),
    )[0]
    value = kind + (form % boundary if form else b"")
    if rng.random() < 0.35:
        value += rng.choice(PARAMETERS) % rng.choice(CHARSETS)
    if rng.random() < 0.05:
        value += b"; boundary=y"
    return mutated(rng, value) if rng.random() < 0.05 else value


def _body(rng: random.Random, boundary: bytes) -> bytes:
    end = b"\r\n" if rng.random() < 0.97 else rng.choice(LINE_ENDS)
    parts = [_part(rng, end, is_image=True)] if rng.random() < 0.85 else []
    parts += [_part(rng, end, is_image=rng.random() < 0.1) for _ in range(_number_of_parts(rng))]
    rng.shuffle(parts)
    body = rng.choice((b"", b"", b"", b"", b"", b"", b"", b"preamble\r\n", b"\r\n", b"\n"))
    for part in parts:
        body += (
            b"--"
            + boundary
            + (end if rng.random() < 0.98 else rng.choice((*LINE_ENDS, b" \t" + end, b"--" + end)))
            + part
        )
    closing = rng.choices(
        (b"--" + boundary + b"--" + end, b"--" + boundary + b"--", b"--" + boundary, b"--", b""), (24, 3, 1, 1, 1)
    )[0]
    return body + closing + rng.choices((b"", b"epilogue", b"\r\n", b"--x\r\n", b"\0" * 100), (12, 1, 1, 1, 1))[0]


def _number_of_parts(rng: random.Random) -> int:
    return rng.choices((0, 1, 3, 20, 3000), (8, 8, 6, 1, 0.1))[0]


def _part(rng: random.Random, end: bytes, *, is_image: bool) -> bytes:
    lines = [] if rng.random() < 0.02 else [_disposition(rng, is_image=is_image)]
    lines += [rng.choice(ODD_HEADERS) for _ in range(rng.choices((0, 1, 2, 30), (20, 4, 1, 0.2))[0])]
    rng.shuffle(lines)
    return end.join((*lines, b"", _content(rng, is_image=is_image), b""))


def _disposition(rng: random.Random, *, is_image: bool) -> bytes:
    name = b"image" if is_image else rng.choice(FIELDS)
    if rng.random() < 0.12:
        name = rng.choice(ODD_NAMES)
    form = rng.choices(
        (
            b'; name="%s"',
            b"; name=%s",
            b"; name*=utf-8''%s",
            b"; name*=utf-16''%s",
            b'; name*0="%s"; name*1=""',
            b"; Name = %s",
            b"",
        ),
        (40, 4, 1, 1, 1, 1, 1),
    )[0]
    value = rng.choice(DISPOSITIONS) + (form % name if form else b"")
    if is_image or rng.random() < 0.1:
        value += FILENAMES[0] if rng.random() < 0.6 else rng.choice(FILENAMES)
    if rng.random() < 0.03:
        value += b"; x=y" * rng.choice((1, 100, 800))
    return rng.choice((b"Content-Disposition: ", b"content-disposition:", b"CONTENT-DISPOSITION:\t")) + value


def _content(rng: random.Random, *, is_image: bool) -> bytes:
    if is_image and rng.random() < 0.85:
        return rng.choices(pictures(), (6, 6, 6, 2, 2, 0.2))[0]
    if rng.random() < 0.1:
        return b'--inner\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nx\r\n--inner--\r\n'
    if rng.random() < 0.1:
        return rng.choice((b"--x", b"\r\n--", b"\r\n--x-", b"\r" * 1000, b"\r\n" * 1000, b"\r\n-" * 1000, b"-" * 5000))
    return rng.choice(VALUES)
