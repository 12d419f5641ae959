"""Why Cosmos DB cannot serve."""

from shared.domain.causes import Cause
from shared.domain.errors import UnavailableError

HOPELESS_PAUSE = 5
"""Seconds that callers are asked to wait where somebody has to mend something first."""


class CosmosUnavailableError(UnavailableError):
    """Cosmos DB cannot serve now. ``reason`` says why, for the log and for operators, not for the caller."""

    def __init__(self, reason: str, cause: Cause, *, message: str = "", retry_after: int = 1) -> None:
        super().__init__(message, retry_after=retry_after, cause=cause)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class CosmosMisconfiguredError(CosmosUnavailableError):
    """Waiting will not help: the endpoint, the credential, the database or a container is not right."""

    def __init__(self, reason: str, cause: Cause) -> None:
        super().__init__(reason, cause, retry_after=HOPELESS_PAUSE)
