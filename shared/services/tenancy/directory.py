"""The platform's own directory: which tenants there are, and where an identity may be a member.

It is kept in a tenant of the platform's own, in the tenancy container:

- ``tenancy`` in the partition ``tenants``: that there is such a tenant, and how it stands;
- ``identity``, in one partition per ``(issuer, subject)``: the tenants of that identity, and its user name in
  each.

The latter is an index. It says where to look, and grants nothing: the truth is the tenant's own ``member``.
So it may say too much, for a while or for ever, but it must not say too little.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from shared.domain.errors import (
    DocumentError,
    DocumentExistsError,
    DocumentMissingError,
    FieldError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.standings import GONE, Standing, Summary, TenantStatus
from shared.ports.documents import (
    TENANCY,
    Create,
    Delete,
    Document,
    Documents,
    Operation,
    Patch,
    Path,
    Query,
    Replace,
    Where,
)
from shared.security.scope import TENANT_ID, TenantScope

DIRECTORY: Final = "directory"
"""The tenant id under which the platform keeps what belongs to no tenant; nobody can be a member of it."""
TENANTS: Final = "tenants"
"""The directory's partition with an entry for every tenant."""
PAGE: Final = 200
ATTEMPTS: Final = 5

_SCOPE: Final = TenantScope(DIRECTORY)


class Directory:
    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def add_tenant(self, tenant_id: str, *, created_at: str) -> None:
        """Enter the tenant; one that is there stays as it is."""
        entry = {"id": tenant_id, "kind": "tenancy", "created_at": created_at, "status": "active"}
        with suppress(DocumentExistsError):
            await self._write(TENANTS, Create(entry | {"changed_at": None}))

    async def mark_tenant(self, tenant_id: str, *, created_at: str, standing: Standing) -> None:
        """Note how the tenant stands, entering it if it is new."""
        known = {"status": standing.status, "changed_at": standing.changed_at}
        changes: Mapping[Path, Any] = {(name,): value for name, value in known.items()}
        entry = {"id": tenant_id, "kind": "tenancy", "created_at": created_at, **known}
        for _ in range(ATTEMPTS):
            with suppress(DocumentMissingError):
                return await self._write(TENANTS, Patch(tenant_id, set=changes))
            with suppress(DocumentExistsError):
                return await self._write(TENANTS, Create(entry))
        raise UnavailableError

    async def tenant_ids(self, status: TenantStatus | None = None) -> AsyncIterator[str]:
        """The ids of the tenants of that status, or else of all that are not erased nor are about to be.

        Entries from before tenants had a status are given one by the way.
        """
        where = _of(status) if status else []
        after: str | None = None
        while True:
            query = Query(TENANCY, "tenancy", partition=TENANTS, where=where, limit=PAGE, after=after)
            page = await self._documents.query(_SCOPE, query)
            for document in page.items:
                if "status" not in document.body:
                    await self._complete(document)
                if status or document.body.get("status") not in GONE:
                    yield document.body["id"]
            if (after := page.after) is None:
                return

    async def _complete(self, entry: Document) -> None:
        active = {**entry.body, "status": "active", "changed_at": None}
        with suppress(DocumentError):  # another has, or it was marked meanwhile
            await self._write(TENANTS, Replace(active, if_match=entry.etag))

    async def summaries(
        self, status: TenantStatus | None, *, limit: int, after: str | None
    ) -> tuple[Sequence[Summary], str | None]:
        """A page of all tenants by id, or of those of a status, and where the next begins."""
        where = _of(status) if status else []
        query = Query(TENANCY, "tenancy", partition=TENANTS, where=where, limit=limit, after=after)
        page = await self._documents.query(_SCOPE, query)
        found = [document.body for document in page.items]
        return [
            Summary(one["id"], one.get("status", "active"), one["created_at"], one.get("changed_at"))
            for one in found
        ], page.after

    async def tenants(self, issuer: str, subject: str) -> Mapping[str, str]:
        """Where that identity may be a member, and its user name in each."""
        index = await self.entry(issuer, subject)
        return {} if index is None else index.body["tenants"]

    async def entry(self, issuer: str, subject: str) -> Document | None:
        """What is kept of that identity, for :meth:`drop`."""
        return await self._documents.read(
            _SCOPE, container=TENANCY, partition=_partition(issuer, subject), id="identity"
        )

    async def point(self, issuer: str, subject: str, *, tenant_id: str, user: str) -> None:
        """Note that the identity may be the member ``user`` of the tenant."""
        partition = _partition(issuer, subject)
        body = {"id": "identity", "kind": "identity", "issuer": issuer, "subject": subject}
        for _ in range(ATTEMPTS):
            with suppress(DocumentExistsError):
                return await self._write(partition, Create(body | {"tenants": {tenant_id: user}}))
            with suppress(DocumentMissingError):
                return await self._write(partition, Patch("identity", set={("tenants", tenant_id): user}))
        raise UnavailableError

    async def drop(self, entry: Document, tenant_id: str) -> None:
        """Note that the identity is no member of the tenant, unless something was noted since ``entry``."""
        body: dict[str, Any] = dict(entry.body)
        body["tenants"] = {known: user for known, user in body["tenants"].items() if known != tenant_id}
        operation: Operation = Delete(body["id"], if_match=entry.etag)
        if body["tenants"]:
            operation = Replace(body, if_match=entry.etag)
        with suppress(DocumentError):
            await self._write(_partition(body["issuer"], body["subject"]), operation)

    async def _write(self, partition: str, operation: Operation) -> None:
        await self._documents.transact(_SCOPE, container=TENANCY, partition=partition, operations=[operation])


def _of(status: TenantStatus) -> list[Where]:
    return [Where(("status",), "=", status)]


def tenant_scope(tenant_id: str) -> TenantScope:
    """The scope of a tenant that the local tools name.

    Raises:
        ValidationFailedError: the id is not a DNS label, or is the platform's own.
    """
    if tenant_id == DIRECTORY or not TENANT_ID.fullmatch(tenant_id):
        message = "must be a DNS label in lower case, and not the platform's own name"
        raise ValidationFailedError(errors=[FieldError("/tenant_id", "INVALID", f"{tenant_id!r}: {message}")])
    return TenantScope(tenant_id)


def _partition(issuer: str, subject: str) -> str:
    # Both are any text: the digest is a key of one size without the characters that stores refuse.
    return hashlib.sha256(f"{len(issuer)}:{issuer}{subject}".encode()).hexdigest()
