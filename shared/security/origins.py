"""Where a URL leads: its origin, and whether that is this machine itself."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"https": 443, "http": 80}


def is_loopback(host: str | None) -> bool:
    """Whether a URL's host is this machine and no other."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def protected_origin(text: str) -> str:
    """The origin ``text`` (``https://host`` or ``https://host:port``) as URLs are compared with it.

    Raises:
        ValueError: it is no origin, or one that secrets would reach over a network in plain text: only https
            will do, or http on loopback.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not an origin such as https://api.example") from error
    if not host or parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{text!r} is not an origin such as https://api.example")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError(f"{text!r} must be https (http only on loopback)")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + ("" if port in {None, _PORTS[parts.scheme]} else f":{port}")
