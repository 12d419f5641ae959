"""What every response has in its head, and what pages of other origins may see of it (Fetch, section 3.2)."""

from collections.abc import Iterable, Iterator
from typing import Final

from azurefunctions.extensions.http.fastapi import Response

from shared.settings import Settings

type Header = tuple[bytes, bytes]

ANY_ORIGIN: Final = b"*"
_ALWAYS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
# Of whoever does not say otherwise: an answer is data, to be shown in no page and kept by nobody.
_UNLESS_SAID: Final[tuple[Header, ...]] = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
_HTTPS: Final[Header] = (b"strict-transport-security", b"max-age=31536000")

_ORIGIN: Final = b"access-control-allow-origin"
_EXPOSED: Final = (
    b"ETag, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, "
    b"X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"
)
_TAKEN: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, traceparent, "
    "tracestate, X-Request-ID, X-Tenant-ID"
)
_PREFLIGHT_SECONDS: Final = 7200
"""For how long a browser may remember a preflight; the longest that browsers do."""


def finish(response: Response, settings: Settings, *, request_id: str, origin: bytes | None) -> None:
    """Put into the head of ``response`` what it has to have; ``origin`` is the request's."""
    raw = response.raw_headers
    said = {name for name, _ in raw}
    raw.append((b"x-request-id", request_id.encode()))
    raw.extend(_ALWAYS)
    raw.extend(header for header in _UNLESS_SAID if header[0] not in said)
    if settings.host_url.startswith("https:"):
        raw.append(_HTTPS)
    if settings.cors_origins and _ORIGIN not in said:
        raw.extend(_shared_with(settings.cors_origins, origin))


def preflight(methods: Iterable[str]) -> Response:
    """What may be asked of a path, for the browser that asks on behalf of a page of an allowed origin."""
    return Response(
        None,
        204,
        {
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": _TAKEN,
            "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
        },
    )


def allows(settings: Settings, origin: bytes | None) -> bool:
    """Whether a page of that origin may see answers."""
    origins = settings.cors_origins
    return origin is not None and (origin in origins or ANY_ORIGIN in origins)


def _shared_with(origins: frozenset[bytes], origin: bytes | None) -> Iterator[Header]:
    # Never Access-Control-Allow-Credentials: who asks is said by a token, and a browser adds none by itself.
    if ANY_ORIGIN in origins:
        yield _ORIGIN, ANY_ORIGIN
    else:
        yield b"vary", b"Origin"
        if origin is None or origin not in origins:
            return
        yield _ORIGIN, origin
    yield b"access-control-expose-headers", _EXPOSED
