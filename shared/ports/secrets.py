"""The secrets port: values that a tenant gives once, and that nobody but its steps gets back.

A name is what the platform calls a value; what a tenant calls it, and which version of it counts, is with
the documents (``shared/services/secrets``). So no implementation decides a race: two that put under one
name both succeed, each has its own version, and whose version is meant says whoever resolves it.
"""

import re
from collections.abc import AsyncIterator
from typing import Final, Protocol

from shared.domain.causes import MISSING
from shared.domain.errors import UnavailableError
from shared.domain.secrets import MAX_VALUE_BYTES
from shared.security.scope import TenantScope

STORED_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,32}")
"""What may be a name: it fits, behind any tenant's id, into what a vault takes as one."""


class Secrets(Protocol):
    """Every call is within one tenant: the same name of two tenants is two secrets. Case matters."""

    async def put(self, scope: TenantScope, *, name: str, value: str) -> str:
        """Store another version of the secret, the first if there is none; the version.

        It is durable, and resolved by every process, when this returns. Older versions stay as they are until
        the name is deleted. No version is given twice, not even after a deletion; so what is put twice,
        because nobody knew whether the first was stored, is two versions of one value. A name that was
        deleted may be put again; in a store that keeps what was deleted, its versions from before may then
        be there again.

        Args:
            scope: whose it is.
            name: fits ``STORED_NAME``.
            value: 1 to ``MAX_VALUE_BYTES`` bytes in UTF-8, given back to the letter.

        Raises:
            ValueError: name or value is none that can be stored.
            UnavailableError: the store cannot be reached or refuses now; nobody knows whether it was stored.
        """
        ...

    async def resolve(self, scope: TenantScope, *, name: str, version: str | None = None) -> str | None:
        """The value of that version, or of the one that was put last; None if there is none, or no more.

        A version has the same value for as long as there is one.

        Raises:
            UnavailableError: the secrets cannot be read now.
        """
        ...

    async def delete(self, scope: TenantScope, *, name: str) -> None:
        """Forget the secret with all its versions; where there is none, nothing happens.

        When this returns, nothing resolves any more. A store may keep what was deleted where only its
        operator gets at it, for a time that is the operator's to set.

        Raises:
            UnavailableError: as for :meth:`put`.
        """
        ...

    def names(self, scope: TenantScope) -> AsyncIterator[str]:
        """Every name that the tenant has in the store, in no order: for whoever erases a tenant.

        What is put or deleted meanwhile may be missing or told of. A store may have to look through those of
        all tenants, so this is not for requests.

        Raises:
            UnavailableError: the secrets cannot be listed now; some may have been given.
        """
        ...


def require_storable(name: str, value: str) -> bytes:
    """The value in UTF-8; for implementations.

    Raises:
        ValueError: name or value is none that can be stored.
    """
    encoded = value.encode()  # UnicodeEncodeError is a ValueError
    if not STORED_NAME.fullmatch(name) or not 1 <= len(encoded) <= MAX_VALUE_BYTES:
        raise ValueError(f"{name!r} with a value of {len(encoded)} bytes cannot be stored")
    return encoded


class NoSecrets:
    """Of a platform that has nowhere to keep them: there are none, and none can be put."""

    async def put(self, scope: TenantScope, *, name: str, value: str) -> str:
        del scope, name, value
        raise UnavailableError(
            "This platform keeps no secrets: its operator has named no vault", cause=MISSING
        )

    async def resolve(self, scope: TenantScope, *, name: str, version: str | None = None) -> str | None:
        del scope, name, version
        return None

    async def delete(self, scope: TenantScope, *, name: str) -> None:
        """There is nothing to delete."""

    async def names(self, scope: TenantScope) -> AsyncIterator[str]:
        del scope
        for none in list[str]():
            yield none
