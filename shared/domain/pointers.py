"""JSON pointers (RFC 6901): the names of places in a document."""

from collections.abc import Sequence


def pointer(*parts: str | int) -> str:
    """The pointer along ``parts``, with ``~`` and ``/`` escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def pointer_along(root: str, path: Sequence[str | int]) -> str:
    return root + pointer(*path)
