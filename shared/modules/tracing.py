"""What leaves the platform over HTTP, as spans: the other side's own trace goes on from there."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from shared.ports.telemetry import Attributes, Span, Telemetry


@contextmanager
def outgoing(
    telemetry: Telemetry, method: str, url: str, headers: MutableMapping[str, str]
) -> Iterator[Span]:
    """The span of a request that is sent in this block; ``headers`` get its place in the trace.

    A ``traceparent`` that is there already is somebody's wish, and stays.
    """
    parts = urlsplit(url)
    about: Attributes = {
        "http.request.method": method,
        "server.address": parts.hostname or "",
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
        # Without what is behind the path, which may be a secret.
        "url.full": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}",
    }
    with telemetry.span(method, kind="client", attributes=about) as span:
        if "traceparent" not in headers:
            headers.update(telemetry.carrier())
        yield span


def answered(span: Span, status: int) -> None:
    """The other side has answered (semantic conventions, HTTP client span: 4xx is its error, too)."""
    span.set({"http.response.status_code": status})
    if status >= 400:
        span.fail(str(status))
