"""Where a client sends its token, and where not."""

import ipaddress
from urllib.parse import quote, urlsplit


def base_address(url: str, *, allow_http: bool) -> str:
    """The platform's address, without anything behind the host.

    Raises:
        ValueError: it is none, or whoever is on the way could read the token.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is no address of a platform: it is like https://quantum.example.com")
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        raise ValueError(
            f"{url} is not encrypted, so everybody on the way could read the token: use https, or "
            "allow_http=True on a network that is yours"
        )
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(host: str) -> bool:
    """Whether it is this machine and no other."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def path(*segments: str | int) -> str:
    """``/api/v1/…`` with each segment escaped, whatever is in it."""
    return "/api/v1/" + "/".join(quote(str(segment), safe="") for segment in segments)
