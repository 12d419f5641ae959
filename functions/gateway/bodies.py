"""Request bodies: read within a limit, and parsed as values that can be stored and hashed as they are."""

import asyncio
import json
import math
from collections.abc import Iterator
from typing import Any

import orjson
from azurefunctions.extensions.http.fastapi import Request
from starlette.requests import ClientDisconnect

from shared.domain.errors import BadRequestError, FieldError, TooLargeError, UnsupportedMediaTypeError
from shared.domain.pointers import pointer

MAX_DEPTH = 64
"""Deepest nesting of arrays and objects in a body."""
READ_SECONDS = 60.0
"""How long a body may take to arrive."""
MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 7493, section 2.2)."""


async def read(request: Request, *, limit: int, seconds: float = READ_SECONDS) -> bytes:
    """The body, of at most ``limit`` bytes; what is larger is not read to its end.

    Raises:
        TooLargeError: it is larger, by its Content-Length or by what came.
        BadRequestError: the client went away, or the ``seconds`` were over, before it was all there.
    """
    too_large = f"The request body may have at most {limit} bytes"
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLargeError(too_large)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise TooLargeError(too_large)
                chunks.append(chunk)
    except (ClientDisconnect, TimeoutError) as error:
        raise BadRequestError("The request body did not arrive whole") from error
    return b"".join(chunks)


def is_yaml(content_type: str | None) -> bool:
    """Whether a body of this type is YAML (RFC 9512 and the names before it); if not, it is JSON.

    Raises:
        UnsupportedMediaTypeError: it is neither, or not in UTF-8.
    """
    media, _, parameters = (content_type or "").lower().partition(";")
    kind, _, form = media.strip().partition("/")
    charset = parameters.partition("charset=")[2].strip().strip('"')
    if charset not in {"", "utf-8", "utf8"}:
        raise UnsupportedMediaTypeError("Send the body in UTF-8")
    form = form.rpartition("+")[2]
    if kind == "application" and form == "json":
        return False
    if kind in {"application", "text"} and form in {"yaml", "x-yaml"}:
        return True
    raise UnsupportedMediaTypeError


def parse_yaml(raw: bytes, *, limit: int) -> Any:
    """The value in ``raw``, with the same things refused as in JSON; ``limit`` is the largest body.

    Raises:
        BadRequestError: it is none; the message says where.
    """
    # Late, for a quick cold start: most bodies are JSON.
    from functions.gateway import yaml_bodies

    try:
        value = yaml_bodies.parse(raw.decode(), limit=limit)
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from error
    if _deeper(value, MAX_DEPTH):
        raise _too_deep()
    return _kept(value)


def parse(raw: bytes) -> Any:
    """The JSON value in ``raw``; what is ambiguous or would not survive a store is refused.

    That is: a key twice in one object, NaN and infinities, integers beyond ``MAX_INTEGER``, strings
    that are not Unicode, and nesting beyond ``MAX_DEPTH``.

    Raises:
        BadRequestError: it is none; the message says where.
    """
    try:
        value = _DECODER.decode(raw.decode())
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequestError(f"The body is not JSON: {error.msg} at {where}") from error
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise BadRequestError(f"The body is not JSON: {error}") from error
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _deeper(value, MAX_DEPTH):
        raise _too_deep()
    return _kept(value)


def _not_utf8(error: UnicodeDecodeError) -> BadRequestError:
    return BadRequestError(f"The body is not UTF-8: see its byte {error.start}")


def _kept(value: Any) -> Any:
    """``value``, if a store can keep it as it is."""
    try:
        orjson.dumps(value, option=orjson.OPT_STRICT_INTEGER)
    except TypeError as error:
        raise BadRequestError(
            "The body has values that cannot be kept", errors=list(_faults(value, ""))
        ) from error
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return made


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is out of range")
    return number


def _integer(text: str) -> int:
    if len(text) > 32:
        raise ValueError(f"the number {text[:32]}… is out of range")
    return int(text)


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_integer, parse_constant=_constant
)


def _too_deep() -> BadRequestError:
    return BadRequestError(f"The body is nested deeper than {MAX_DEPTH} levels")


def _deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    items = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper(item, levels - 1) for item in items)


def _faults(value: Any, at: str) -> Iterator[FieldError]:
    match value:
        case dict():
            for key, item in value.items():
                if not _is_unicode(key):
                    yield FieldError(at, "VALUE", "a key has half of a surrogate pair in it")
                else:
                    yield from _faults(item, at + pointer(key))
        case list():
            for index, item in enumerate(value):
                yield from _faults(item, at + pointer(index))
        case str() if not _is_unicode(value):
            yield FieldError(at, "VALUE", "the text has half of a surrogate pair in it")
        case int() if abs(value) > MAX_INTEGER:
            yield FieldError(at, "VALUE", f"integers go to ±{MAX_INTEGER}; send a larger one as text")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
