"""Session consistency: what this process has written or read, it reads again, whichever replica answers.

A session token is ``<partition id>:<version>#<log sequence number>[#<region>=<number>…]``. The SDK (4.17)
keeps none of a batch's answer, and all writes are batches, so they are kept here and sent with every read.
"""

from collections.abc import Mapping
from typing import Any

from shared.ports.documents import Container

HEADER = "x-ms-session-token"


class Sessions:
    """The furthest token of each physical partition of each container."""

    def __init__(self) -> None:
        self._tokens: dict[str, dict[str, str]] = {}

    def learn(self, container: Container, headers: Mapping[str, Any]) -> None:
        """Take in an answer's token."""
        tokens = self._tokens.setdefault(container.name, {})
        for part in str(headers.get(HEADER) or "").split(","):
            partition, _, token = part.partition(":")
            if token and _progress(token) >= _progress(tokens.get(partition, "")):
                tokens[partition] = token

    def options(self, container: Container) -> dict[str, Any]:
        """What a read tells the SDK."""
        tokens = self._tokens.get(container.name)
        if not tokens:
            return {}
        return {"session_token": ",".join(f"{partition}:{token}" for partition, token in tokens.items())}


def log_sequence_number(token: str) -> int:
    """Where the log stood of the replica that gave the token (of one partition)."""
    return _progress(token.partition(":")[2])[1]


def _progress(token: str) -> tuple[int, int]:
    """Version and log sequence number; those of no token are before all others."""
    if not token:
        return -2, 0
    version, sequence, *_ = token.split("#")
    return int(version), int(sequence)
