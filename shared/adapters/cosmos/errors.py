"""Why Cosmos DB cannot serve."""

from shared.domain.errors import UnavailableError


class CosmosUnavailableError(UnavailableError):
    """Cosmos DB cannot serve now. ``reason`` says why, for the log and for operators, not for the caller."""

    def __init__(self, reason: str, *, message: str = "", retry_after: int = 1) -> None:
        super().__init__(message, retry_after=retry_after)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class CosmosMisconfiguredError(CosmosUnavailableError):
    """Waiting will not help: the endpoint, the credential, the database or a container is not right."""
