"""The use cases of build contexts: kept when they are uploaded, forgotten when their time is over."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from shared.domain.contexts import KEPT, BuildContext
from shared.domain.errors import (
    ConflictError,
    DocumentError,
    FieldError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.contexts import ContextRefusedError, ContextStore, NoContextsError
from shared.ports.documents import (
    TENANCY,
    Create,
    Delete,
    Document,
    Documents,
    Operation,
    Query,
    Replace,
    Where,
)
from shared.security.scope import TenantScope
from shared.services.audit.chains import Act, Chain, Chains
from shared.services.callers import Caller
from shared.services.paging import bodies
from shared.services.receipts import Record, once
from shared.services.tenancy.tenants import Tenants

PARTITION: Final = "contexts"
"""What is known of a tenant's archives, and the chain of the audit records."""
KIND: Final = "context"
ATTEMPTS: Final = 5
"""Of a change that others' changes get in the way of."""
BATCH: Final = 50
"""Archives of a tenant that are forgotten at a tick."""

_log = logging.getLogger(__name__)


class BuildContexts:
    """The archive is in the store before the document says so, and as long as the document does."""

    def __init__(
        self,
        *,
        documents: Documents,
        store: ContextStore,
        chains: Chains,
        tenants: Tenants,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._store = store
        self._chains = chains
        self._tenants = tenants
        self._clock = clock

    async def keep(self, caller: Caller, archive: Path, *, digest: str, size: int) -> BuildContext:
        """Keep the file ``archive`` from now on for ``KEPT`` at least.

        Raises:
            ValidationFailedError: nothing can be built from it.
            ConflictError: this platform keeps none.
            UnavailableError: it cannot be kept now.
        """

        async def done(_: Record) -> BuildContext:
            found = await self._document(caller.scope, digest)
            if found is None:
                raise UnavailableError
            return _context(found.body)

        work = self._keep(caller, archive, digest, size)
        return await once(self._documents, _chain(caller.scope), caller.turn, work, done=done)

    async def _keep(self, caller: Caller, archive: Path, digest: str, size: int) -> BuildContext:
        for _ in range(ATTEMPTS):
            before = await self._document(caller.scope, digest)
            if before is not None and before.body.get("forgetting"):
                raise UnavailableError("This archive is being forgotten; upload it again in a few minutes")
            try:
                await self._store.keep(caller.scope, archive, digest=digest, size=size)
            except ContextRefusedError as error:
                errors = [FieldError("", "CONTEXT", error.message)]
                raise ValidationFailedError(errors=errors) from error
            except NoContextsError as error:
                raise ConflictError(error.message) from error
            if (stored := await self._commit(caller, before, digest, size)) is not None:
                return _context(stored.body)
        raise UnavailableError

    async def _commit(
        self, caller: Caller, before: Document | None, digest: str, size: int
    ) -> Document | None:
        """Store that it is kept, with its audit record; None if another change came first."""
        now = self._clock.now()
        body = {
            "id": _id(digest),
            "kind": KIND,
            "digest": digest,
            "size": size,
            "created_at": before.body["created_at"] if before else rfc3339(now),
            "created_by": before.body["created_by"] if before else caller.principal.name,
            "expires_at": rfc3339(now + KEPT),
            "due": rfc3339(now + KEPT),
        }
        operation: Operation = Replace(body, if_match=before.etag) if before else Create(body)
        act = Act("context.upload", caller.origin, _audited(before.body) if before else None, _audited(body))
        record = await self._chains.linked(self._documents, _chain(caller.scope), act, now=now)
        try:
            stored, *_ = await self._documents.transact(
                caller.scope, container=TENANCY, partition=PARTITION, operations=[operation, *record]
            )
        except DocumentError:
            return None
        return stored

    async def forget_expired(self) -> int:
        """Forget those whose time is over, some of each tenant; how many.

        Raises:
            UnavailableError: a store cannot be reached; the next time goes on.
        """
        forgotten = 0
        async for tenant_id in self._tenants.ids():
            scope = TenantScope(tenant_id)
            async for found in self._expired(scope):
                forgotten += await self._forget(scope, found)
        return forgotten

    async def forget_all(self, scope: TenantScope) -> None:
        """Forget every archive of a tenant that is erased, whose documents go then.

        Raises:
            UnavailableError: the store cannot be reached.
        """
        query = Query(TENANCY, KIND, partition=PARTITION, limit=BATCH)
        async for body in bodies(self._documents, scope, query):
            with suppress(NoContextsError):  # its registry is not set any more
                await self._store.forget(scope, body["digest"])

    async def _expired(self, scope: TenantScope) -> AsyncIterator[Document]:
        query = Query(
            TENANCY,
            KIND,
            partition=PARTITION,
            where=[Where(("due",), "<", rfc3339(self._clock.now()))],
            limit=BATCH,
        )
        for document in (await self._documents.query(scope, query)).items:
            yield document

    async def _forget(self, scope: TenantScope, found: Document) -> bool:
        """Forget one, unless somebody uploads it meanwhile; what was begun goes on with the next tick."""
        try:
            marked = await self._write(
                scope, Replace({**found.body, "forgetting": True}, if_match=found.etag)
            )
            assert marked is not None  # a replace gives back what it stored
            with suppress(NoContextsError):  # its registry is not set any more
                await self._store.forget(scope, found.body["digest"])
            await self._write(scope, Delete(found.body["id"], if_match=marked.etag))
        except DocumentError:
            return False
        _log.info("forgot the build context %s of %s", found.body["digest"], scope.tenant_id)
        return True

    async def _write(self, scope: TenantScope, operation: Operation) -> Document | None:
        (stored,) = await self._documents.transact(
            scope, container=TENANCY, partition=PARTITION, operations=[operation]
        )
        return stored

    async def _document(self, scope: TenantScope, digest: str) -> Document | None:
        return await self._documents.read(scope, container=TENANCY, partition=PARTITION, id=_id(digest))


def _chain(scope: TenantScope) -> Chain:
    return Chain(scope, TENANCY, PARTITION)


def _id(digest: str) -> str:
    return f"{KIND}:{digest.partition(':')[2]}"


def _audited(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ("digest", "size", "expires_at")}


def _context(body: Mapping[str, Any]) -> BuildContext:
    return BuildContext(
        body["digest"], body["size"], body["created_at"], body["created_by"], body["expires_at"]
    )
