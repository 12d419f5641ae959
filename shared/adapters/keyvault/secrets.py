"""The secrets port over Azure Key Vault: each put is a version of a secret of the vault.

A vault keeps what was deleted for a time that its operator has set (soft delete). Meanwhile the name cannot
be put, only recovered, with its versions from before; so that is what a put does then.

Sources: "Azure Key Vault REST API reference" (secrets, service version 7.6), "Azure Key Vault soft-delete
overview", "Azure Key Vault throttling guidance".
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from shared.adapters.keyvault.names import of_vault, vault_name
from shared.domain.causes import FAILING, FORBIDDEN, REFUSED, SLOW, THROTTLED, UNREACHABLE, Cause
from shared.domain.errors import UnavailableError
from shared.ports.secrets import require_storable
from shared.security.scope import TenantScope

if TYPE_CHECKING:  # what a start does without: it is loaded with the client, and where that is used
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.exceptions import AzureError, HttpResponseError
    from azure.keyvault.secrets.aio import SecretClient

API_VERSION: Final = "7.6"
PATIENCE: Final = 8.0
"""Seconds that a call may take with all its attempts, less than a request has (``gateway/edge.py``)."""
PAUSE: Final = 0.5
"""Seconds between two looks at a secret that is being deleted or recovered, which takes some."""
RETRIES: Final = 3


class KeyVaultUnavailableError(UnavailableError):
    """The vault cannot serve now. ``reason`` says why, for the log, not for the caller."""

    def __init__(self, reason: str, cause: Cause) -> None:
        super().__init__("The vault of secrets cannot be reached now; try again", cause=cause)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class KeyVaultSecrets:
    """Implements :class:`shared.ports.secrets.Secrets`. Nothing connects before the first call."""

    def __init__(
        self,
        url: str,
        *,
        credential: "AsyncTokenCredential | None" = None,
        patience: float = PATIENCE,
        pause: float = PAUSE,
        **options: Any,
    ) -> None:
        """``credential`` None: the identity of the process. ``options`` are the SDK's, for tests.

        Raises:
            ValueError: ``url`` is no address of a vault.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.path.strip("/"):
            raise ValueError(f"{url!r} is no address of a vault: https://<name>.vault.azure.net")
        self._url = url
        self._credential = credential
        self._patience = patience
        self._pause = pause
        self._options = options
        self._client: SecretClient | None = None

    async def close(self) -> None:
        """End the connections; nothing may be asked afterwards."""
        if self._client is not None:
            await self._client.close()
        if self._credential is not None:
            await self._credential.close()

    async def put(self, scope: TenantScope, *, name: str, value: str) -> str:
        """See :meth:`shared.ports.secrets.Secrets.put`."""
        from azure.core.exceptions import HttpResponseError

        require_storable(name, value)
        place = vault_name(scope.tenant_id, name)
        async with self._asking() as vault:
            while True:
                try:
                    stored = await vault.set_secret(place, value, tags={"tenant": scope.tenant_id})
                except HttpResponseError as error:
                    await self._make_way(vault, place, error)
                else:
                    return str(stored.properties.version)

    async def resolve(self, scope: TenantScope, *, name: str, version: str | None = None) -> str | None:
        """See :meth:`shared.ports.secrets.Secrets.resolve`."""
        from azure.core.exceptions import ResourceNotFoundError

        async with self._asking() as vault:
            try:
                return (await vault.get_secret(vault_name(scope.tenant_id, name), version)).value
            except ResourceNotFoundError:
                return None

    async def delete(self, scope: TenantScope, *, name: str) -> None:
        """See :meth:`shared.ports.secrets.Secrets.delete`. The vault keeps it for as long as it is set to."""
        from azure.core.rest import HttpRequest

        # The SDK's own method waits, for seconds, until it could be recovered or purged.
        request = HttpRequest("DELETE", f"/secrets/{vault_name(scope.tenant_id, name)}")
        async with self._asking() as vault:
            while True:
                answer = await vault.send_request(request)
                if answer.status_code != 409:
                    break
                await asyncio.sleep(self._pause)  # it is being recovered
            if answer.status_code != 404:
                answer.raise_for_status()

    async def names(self, scope: TenantScope) -> AsyncIterator[str]:
        """See :meth:`shared.ports.secrets.Secrets.names`. It looks through the whole vault, 25 at a time."""
        async with self._asking() as vault:
            pages = vault.list_properties_of_secrets().by_page()
        while True:
            async with self._asking():
                try:
                    page = [one.name async for one in await anext(pages)]
                except StopAsyncIteration:
                    return
            for found in map(of_vault, filter(None, page)):
                if found is not None and found[0] == scope.tenant_id:
                    yield found[1]

    async def _make_way(self, vault: "SecretClient", place: str, error: "HttpResponseError") -> None:
        """Wait for, or recover, what was deleted under the name that is to be put."""
        from azure.core.rest import HttpRequest

        match _conflict(error):
            case "ObjectIsDeletedButRecoverable":
                answer = await vault.send_request(HttpRequest("POST", f"/deletedsecrets/{place}/recover"))
                if answer.status_code not in {404, 409}:  # purged, or recovered by another, meanwhile
                    answer.raise_for_status()
            case "ObjectIsBeingDeleted" | "ObjectIsBeingRecovered":
                pass
            case _:
                raise error
        await asyncio.sleep(self._pause)

    @asynccontextmanager
    async def _asking(self) -> "AsyncIterator[SecretClient]":
        """The client, for what may take ``patience``; its errors become ours."""
        from azure.core.exceptions import AzureError

        try:
            async with asyncio.timeout(self._patience):
                yield self._opened()
        except TimeoutError as error:
            raise KeyVaultUnavailableError(f"no answer within {self._patience:g} s", SLOW) from error
        except AzureError as error:
            # The message may quote what was sent, but no value: requests' bodies are in none.
            raise KeyVaultUnavailableError(str(error), _cause(error)) from error
        except ValueError as error:  # the challenge is of another service than the address
            raise KeyVaultUnavailableError(str(error), REFUSED) from error

    def _opened(self) -> "SecretClient":
        if self._client is None:
            # Imported here for cold start: 90 ms that most starts of an instance do without.
            from azure.keyvault.secrets.aio import SecretClient

            if self._credential is None:
                from azure.identity.aio import DefaultAzureCredential

                self._credential = DefaultAzureCredential()
            self._client = SecretClient(
                self._url,
                self._credential,
                api_version=API_VERSION,
                retry_total=RETRIES,
                retry_backoff_factor=self._pause,
                **self._options,
            )
        return self._client


def _conflict(error: "HttpResponseError") -> str | None:
    """Why a name cannot be put now (``innererror`` of a 409)."""
    inner: Mapping[str, Any] = (error.error and error.error.innererror) or {}
    return inner.get("code") if error.status_code == 409 else None


def _cause(error: "AzureError") -> Cause:
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

    if isinstance(error, ClientAuthenticationError):  # also where the identity has no token
        return REFUSED
    if not isinstance(error, HttpResponseError):
        return UNREACHABLE
    return {401: REFUSED, 403: FORBIDDEN, 429: THROTTLED}.get(error.status_code or 0, FAILING)
