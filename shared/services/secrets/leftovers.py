"""Leftovers: values in the vault that no document names any more, or never did, because a process died.

No transaction spans the vault and the documents. So whoever is about to put a value under a new key, or to
delete the document that names one, notes the key first, in the platform's directory, where one query finds
the notes of all tenants. Once whoever noted it has long ended, the value is deleted, unless a document names
it. A note too many costs a look.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from shared.domain.errors import (
    DocumentError,
    DocumentExistsError,
    DocumentMissingError,
    UnavailableError,
)
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import TENANCY, Create, Delete, Documents, Operation, Patch, Query, Where
from shared.ports.secrets import Secrets
from shared.security.scope import TenantScope
from shared.services.tenancy.directory import DIRECTORY

PARTITION: Final = "secrets"
"""In the directory: the notes; in a tenant: its secrets."""
PATIENCE: Final = timedelta(hours=1)
"""Much longer than a request may take (``gateway/edge.py``): whoever noted a key is done with it."""
PAGE: Final = 100
ATTEMPTS: Final = 3


def document_id(name: str) -> str:
    """Of a secret: no name makes it that of the chain's link, which is in the same partition."""
    return f"secret:{name}"


class Leftovers:
    def __init__(self, *, documents: Documents, vault: Secrets, clock: Clock) -> None:
        self._documents = documents
        self._vault = vault
        self._clock = clock

    async def note(self, scope: TenantScope, *, name: str, key: str) -> None:
        """Have the key of the secret ``name`` looked at later; to be called before anything is done."""
        due = rfc3339(self._clock.now() + PATIENCE)
        body = {"id": f"{scope.tenant_id}:{key}", "kind": "leftover", "tenant": scope.tenant_id}
        for _ in range(ATTEMPTS):
            try:
                return await self._write(Create(body | {"name": name, "secret": key, "due": due}))
            except DocumentExistsError:
                with suppress(DocumentMissingError):  # looked at, and taken out, this moment
                    return await self._write(Patch(body["id"], set={("due",): due}))
        raise UnavailableError

    async def drop(self, scope: TenantScope, key: str) -> None:
        """Delete the value under a key that was noted and that no document names any more.

        Where that fails the sweep does it; it also does it again, for whoever put it at the same moment.
        """
        with suppress(UnavailableError):
            await self._vault.delete(scope, name=key)

    async def sweep(self) -> int:
        """Delete the values that are due and that no document names; how many.

        Raises:
            UnavailableError: a store cannot be reached; the next time goes on.
        """
        query = Query(
            TENANCY,
            "leftover",
            partition=PARTITION,
            where=[Where(("due",), "<=", rfc3339(self._clock.now()))],
            order=[(("due",), "asc")],
            limit=PAGE,
        )
        deleted = 0
        while notes := (await self._documents.query(TenantScope(DIRECTORY), query)).items:
            for note in notes:
                deleted += await self._look(note.body)
                with suppress(DocumentError):  # another timer was faster, or it was noted again
                    await self._write(Delete(note.body["id"], if_match=note.etag))
        return deleted

    async def _look(self, note: Mapping[str, Any]) -> bool:
        scope = TenantScope(note["tenant"])
        document = await self._documents.read(
            scope, container=TENANCY, partition=PARTITION, id=document_id(note["name"])
        )
        if document is not None and document.body["key"] == note["secret"]:
            return False
        await self._vault.delete(scope, name=note["secret"])
        return True

    async def _write(self, operation: Operation) -> None:
        await self._documents.transact(
            TenantScope(DIRECTORY), container=TENANCY, partition=PARTITION, operations=[operation]
        )
