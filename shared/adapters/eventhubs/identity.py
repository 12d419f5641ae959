"""The process's identity towards Event Hubs, whose token can be given up before its time."""

import asyncio
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential


class RenewableIdentity:
    """A credential as the SDK wants it. The library's own keep a token to its end, perhaps for a day."""

    def __init__(self, client_id: str | None) -> None:
        """The user-assigned managed identity of ``client_id``; without one, the process's own identity."""
        self._client_id = client_id
        self._turn = asyncio.Lock()
        self._kept: ManagedIdentityCredential | DefaultAzureCredential | None = None

    async def get_token(self, *scopes: str, **options: Any) -> "AccessToken":
        """See ``azure.core.credentials_async.AsyncTokenCredential``."""
        async with self._turn:
            if self._kept is None:
                self._kept = self._made()
            return await self._kept.get_token(*scopes, **options)

    async def close(self) -> None:
        """Give up the token that is kept; the next is asked for when it is needed."""
        async with self._turn:
            kept, self._kept = self._kept, None
            if kept is not None:
                await kept.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _made(self) -> "ManagedIdentityCredential | DefaultAzureCredential":
        # Imported here for cold start: a connection string does without.
        from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

        if self._client_id:
            return ManagedIdentityCredential(client_id=self._client_id)
        return DefaultAzureCredential()
