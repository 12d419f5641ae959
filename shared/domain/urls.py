"""What is a URL that the platform calls, and the same to all who read it."""

import re
from typing import Final
from urllib.parse import urlsplit

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_START: Final = re.compile(r"https?://(?P<authority>[^/?#]*)", re.IGNORECASE)
_DISPUTED: Final = re.compile(r"[\s\\%]")
"""Where some readers see a host end, or stand for another character, and others do not."""


def url_problem(url: str, *, instead: str) -> str | None:
    """What is wrong with ``url``; None if nothing is. ``instead`` of credentials in it: what to do."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError when it is not a port
    except ValueError:
        return "this is not a URL"
    start = _START.match(url)
    if _CONTROL.search(url) or (start and _DISPUTED.search(start["authority"])):
        return "a URL has no control characters, and its host no spaces, backslashes and percent signs"
    if start is None or not parts.hostname:
        return "a URL starts with https:// or http:// and names a host"
    if parts.username is not None or parts.password is not None:
        return f"credentials do not belong in the URL: {instead}"
    return None
