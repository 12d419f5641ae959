"""Success responses."""

from collections.abc import Mapping
from typing import Any

import orjson
from azurefunctions.extensions.http.fastapi import Response


def reply(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response that nobody keeps."""
    return Response(_dump(content), status, {"Cache-Control": "no-store", **(headers or {})}, _JSON)


def resource(content: Any, *, etag: str, if_none_match: str | None) -> Response:
    """A resource with its ETag; 304 if the client has that state already (RFC 9110, section 13.1.2)."""
    tag = entity_tag(etag)
    headers = {"ETag": tag, "Cache-Control": "no-store"}
    if _has(if_none_match, tag):
        return Response(None, 304, headers)
    return Response(_dump(content), 200, headers, _JSON)


def published(content: bytes, media_type: str, *, etag: str, if_none_match: str | None) -> Response:
    """A document for everybody, pages of other origins among them, that changes with a release only."""
    tag = entity_tag(etag)
    headers = {"ETag": tag, "Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
    if _has(if_none_match, tag):
        return Response(None, 304, headers)
    return Response(content, 200, headers, media_type)


def no_content() -> Response:
    """Done, and there is nothing to show."""
    return Response(None, 204, {"Cache-Control": "no-store"})


def entity_tag(etag: str) -> str:
    """A store's etag as a strong validator."""
    return '"' + etag.strip('"') + '"'


_JSON = "application/json"


def if_match(headers: Mapping[bytes, bytes]) -> frozenset[str] | None:
    """The etags of ``If-Match``, or ``*``; None: it was not sent (RFC 9110, section 13.1.1).

    A weak one never matches: it is left out.
    """
    given = headers.get(b"if-match")
    if given is None:
        return None
    entries = (entry.strip() for entry in given.decode("latin-1").split(","))
    return frozenset(entry.strip('"') for entry in entries if not entry.startswith("W/"))


def _has(if_none_match: str | None, tag: str) -> bool:
    if if_none_match is None:
        return False
    known = [entry.strip().removeprefix("W/") for entry in if_none_match.split(",")]
    return "*" in known or tag in known


def _dump(content: Any) -> bytes:
    """JSON; bytes are JSON already."""
    return content if isinstance(content, bytes) else orjson.dumps(content, default=dict)
