"""Where a request comes from, as far as that can be believed."""

from collections.abc import Iterable
from ipaddress import ip_address

from azurefunctions.extensions.http.fastapi import Request


def source(request: Request, trusted_proxies: int) -> str | None:
    """The address of whoever sent the request; None if it cannot be told.

    Each proxy appends to ``X-Forwarded-For`` whom it was asked by. What the last ``trusted_proxies`` of them
    appended is true, if that many are in front of this host; anything before that may be made up by the
    caller. Without trusted proxies the header says nothing, and the connection's own end is the source.
    """
    if trusted_proxies:
        entries = _entries(request.scope["headers"])
        if entries:
            return _plain(entries[-trusted_proxies:][0])
    return request.client.host if request.client else None


def _entries(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """All entries of the header, which may come in several lines (RFC 9110, section 5.3)."""
    lines = (value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for")
    return [entry.strip() for line in lines for entry in line.split(",")]


def _plain(entry: str) -> str | None:
    """The address without the port that App Service and others give with it; None if it is none."""
    host = entry
    if entry.startswith("["):
        host = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        host = entry.partition(":")[0]
    try:
        return str(ip_address(host))
    except ValueError:
        return None
