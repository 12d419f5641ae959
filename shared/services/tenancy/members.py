"""The use cases of members: who belongs to a tenant, and with which roles and attributes.

A ``member`` is in its tenant's own partition ``members``, together with the chain of the audit records: it is
the truth. The directory's entry is written before a member is made and taken out after it is gone; so
wherever a process dies, who is a member is found, and who is listed and is none is not let in.

Every change replaces the chain's link as it was before anything else was read. So of two changes at the same
time one loses, and looks again: what must hold of several members together, holds.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.errors import (
    ConflictError,
    DocumentError,
    DocumentExistsError,
    DocumentStaleError,
    FieldError,
    NotFoundError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.members import (
    Member,
    MemberKind,
    NewMember,
    attribute_errors,
    identity_errors,
    member_errors,
)
from shared.domain.paging import Cursors
from shared.domain.platform_admins import PlatformAdmins
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import (
    TENANCY,
    Create,
    Delete,
    Document,
    Documents,
    Operation,
    Patch,
    Path,
    Replace,
    Where,
)
from shared.security.permissions import roles_of
from shared.security.scope import TenantScope
from shared.services.audit.chains import Act, Chain, Chains
from shared.services.callers import Caller
from shared.services.etags import IfMatch, require_match
from shared.services.receipts import Record, once
from shared.services.tenancy.administrators import Administrators
from shared.services.tenancy.directory import Directory, tenant_scope
from shared.services.tenancy.membership import PARTITION, member_of, member_query
from shared.services.tenancy.policies import Policies
from shared.services.tenancy.quotas import Room

NOBODY: Final = PlatformAdmins()
ATTEMPTS: Final = 5
"""Of a change that others' changes get in the way of."""

_AUDITED: Final = ("user", "member_kind", "roles", "attributes", "issuer", "subject")


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of a member, for the record; ``last`` is the link that the chain had before all was read."""

    action: str
    last: Document | None
    before: Document | None
    after: Mapping[str, Any] | None


class Members:
    """The members of a tenant, for its administrators; and what the platform itself asks of them.

    Attributes:
        state: another one after each change of a member by this process.
    """

    def __init__(
        self,
        documents: Documents,
        *,
        chains: Chains,
        cursors: Cursors,
        clock: Clock,
        room: Room,
        issuers: Collection[str] | None = None,
        admins: PlatformAdmins = NOBODY,
        policies: Policies | None = None,
    ) -> None:
        """``issuers`` are those whose tokens are taken (None: it does not matter here).

        ``admins`` are members of the platform's tenant that are not stored.
        """
        self._documents = documents
        self._issuers = issuers
        self._admins = admins
        self._directory = Directory(documents)
        self._chains = chains
        self._cursors = cursors
        self._clock = clock
        self._room = room
        self._administrators = Administrators(documents, policies)
        self.state = 0

    async def tenants(self, issuer: str, subject: str) -> Mapping[str, str]:
        """The tenants that identity may be a member of, and its user name in each."""
        stored = await self._directory.tenants(issuer, subject)
        return {**stored, **self._admins.tenants(issuer, subject)}

    async def ensure_member(
        self,
        tenant_id: str,
        *,
        user: str,
        roles: Iterable[str],
        issuer: str,
        subject: str,
        attributes: Mapping[str, Any] | None = None,
        kind: MemberKind = "user",
    ) -> None:
        """Make ``user`` a member, for the local tools; a member gets these roles in place of its own.

        ``attributes`` None leaves the ones there are. Felt by this process at once, by others within seconds
        (``CALLER_LIFE`` of ``authentication.py``).

        Raises:
            ValidationFailedError: the tenant, user or a role is not a name that can be given.
            ConflictError: ``user`` is another identity's name in this tenant.
        """
        scope = tenant_scope(tenant_id)
        wanted = sorted(set(roles))
        if errors := member_errors(user, wanted, known=roles_of(tenant_id)):
            raise ValidationFailedError(errors=errors)
        fields: dict[str, Any] = {"roles": wanted, "member_kind": kind}
        if attributes is not None:
            fields["attributes"] = dict(attributes)
        identity = {"issuer": issuer, "subject": subject}
        await self._directory.point(issuer, subject, tenant_id=tenant_id, user=user)
        try:
            body = {"id": user, "kind": "member", "user": user, "attributes": {}, **identity, **fields}
            await self._write(scope, [Create(body)])
        except DocumentExistsError:
            same: dict[Path, str] = {(name,): value for name, value in identity.items()}
            patch = Patch(user, set={(name,): value for name, value in fields.items()}, where=same)
            try:
                await self._write(scope, [patch])
            except DocumentStaleError as error:
                taken = f"{user!r} is the name of another member of {scope.tenant_id}"
                raise ConflictError(taken) from error

    async def put(self, caller: Caller, user: str, new: NewMember, *, if_match: IfMatch = None) -> Member:
        """Make ``user`` a member, or give it other roles and attributes in place of its own.

        Felt as :meth:`ensure_member`.

        Raises:
            ValidationFailedError: it breaks rules; all of them are listed.
            StaleError: its state is none of ``if_match``.
            QuotaExceededError: the tenant has as many members as it may have.
            ConflictError: it would be another identity or kind than it is, the identity is a member under
                another name, it is the last administrator and would be none, or nobody could manage the
                tenant's policies any more.
        """
        known = roles_of(caller.scope.tenant_id)
        errors = [*member_errors(user, new.roles, known=known), *attribute_errors(new.attributes)]
        if errors:
            raise ValidationFailedError(errors=errors)

        async def done(_: Record) -> Member:
            return await self.get(caller, user)

        work = self._put(caller, user, new, if_match)
        return await once(self._documents, _chain(caller.scope), caller.turn, work, done=done)

    async def _put(self, caller: Caller, user: str, new: NewMember, if_match: IfMatch) -> Member:
        scope = caller.scope
        if self._admins.find(scope.tenant_id, user):
            raise ConflictError(f"{user!r} is named by the platform's operator (QUANTUM_PLATFORM_ADMINS)")
        for _ in range(ATTEMPTS):
            last = await self._chains.last(self._documents, _chain(scope))
            before = await self._document(scope, user)
            require_match(before, if_match)
            body = _body(user, new, before, now=rfc3339(self._clock.now()))
            if before is None:
                await self._require_unknown(scope, new)
                await self._room.require(scope, "members")
            else:
                await self._administrators.require(caller, before, body)
            await self._point(scope, body)
            operation = Replace(body, if_match=before.etag) if before else Create(body)
            change = _Change("member.put", last, before, body)
            if (stored := await self._commit(caller, change, operation)) is not None:
                if before is None:  # again: it may have been a member until now, whose entry was taken out
                    await self._point(scope, body)
                return member_of(stored)
        raise UnavailableError

    async def get(self, caller: Caller, user: str) -> Member:
        """The member of that name.

        Raises:
            NotFoundError: the tenant has none.
        """
        return member_of(await self._existing(caller.scope, user))

    async def list(
        self, caller: Caller, *, role: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> tuple[Sequence[Member], str | None]:
        """A page of the tenant's members by name, or of those with ``role``, and the cursor of the next.

        Raises:
            BadCursorError: ``cursor`` was not made by this list with this filter.
        """
        of = [caller.scope.tenant_id, "members", role]
        after = self._cursors.open(cursor, of=of) if cursor else None
        where = [Where(("roles",), "contains", role)] if role is not None else []
        page = await self._documents.query(caller.scope, member_query(where, limit=limit, after=after))
        following = self._cursors.seal(page.after, of=of) if page.after else None
        return [member_of(document) for document in page.items], following

    async def delete(self, caller: Caller, user: str, *, if_match: IfMatch = None) -> None:
        """Remove the member; what it made stays. Felt as :meth:`ensure_member`.

        Raises:
            NotFoundError: the tenant has none of that name.
            StaleError: its state is none of ``if_match``.
            ConflictError: it is the last administrator, or the last who may manage the tenant's policies.
        """

        async def done(record: Record) -> None:
            await self._unlist(caller.scope, record["before"])

        work = self._delete(caller, user, if_match)
        await once(self._documents, _chain(caller.scope), caller.turn, work, done=done)

    async def _delete(self, caller: Caller, user: str, if_match: IfMatch) -> None:
        for _ in range(ATTEMPTS):
            last = await self._chains.last(self._documents, _chain(caller.scope))
            before = await self._existing(caller.scope, user)
            require_match(before, if_match)
            await self._administrators.require(caller, before, None)
            change = _Change("member.delete", last, before, None)
            if await self._commit(caller, change, Delete(user, if_match=before.etag)) is not None:
                return await self._unlist(caller.scope, before.body)
        raise UnavailableError

    async def find(self, scope: TenantScope, user: str) -> Member | None:
        """The member of that name, as it is now."""
        if named := self._admins.find(scope.tenant_id, user):
            return named
        document = await self._document(scope, user)
        return member_of(document) if document else None

    async def identified(self, scope: TenantScope, issuer: str, subject: str) -> Member | None:
        """The member that is that identity, whatever its name."""
        if named := self._admins.identified(scope.tenant_id, issuer, subject):
            return named
        where = [Where(("issuer",), "=", issuer), Where(("subject",), "=", subject)]
        page = await self._documents.query(scope, member_query(where, limit=1))
        return member_of(page.items[0]) if page.items else None

    async def _require_unknown(self, scope: TenantScope, new: NewMember) -> None:
        """That the identity of a new member is one, and no other member's."""
        errors = [*identity_errors(new.issuer, new.subject), *self.issuer_errors(new.issuer)]
        if errors:
            raise ValidationFailedError(errors=errors)
        known = await self.identified(scope, str(new.issuer), str(new.subject))
        if known is not None:
            raise ConflictError(f"That identity is the member {known.user!r} already")

    def issuer_errors(self, issuer: str | None, place: str = "/issuer") -> Iterator[FieldError]:
        """That nobody could sign in with that issuer. It does not say whose tokens are taken: others' are."""
        if issuer is None or self._issuers is None or issuer in self._issuers:
            return
        message = (
            f"{issuer!r} is no issuer whose tokens are taken here. GET /me shows how yours is spelled; that "
            "of Entra ID is https://login.microsoftonline.com/<directory id>/v2.0, whatever the version of "
            "its tokens. Whoever operates the platform adds others with QUANTUM_TOKEN_ISSUERS"
        )
        yield FieldError(place, "UNKNOWN", message)

    async def _commit(self, caller: Caller, change: _Change, operation: Operation) -> Document | None:
        """Store a change with its audit record; what is or was stored, or None if another came first."""
        chain, before = _chain(caller.scope), change.before
        act = Act(
            change.action, caller.origin, _audited(before.body if before else None), _audited(change.after)
        )
        record = self._chains.behind(chain, change.last, act, now=self._clock.now())
        try:
            stored = await self._write(caller.scope, [operation, *record])
        except DocumentError:
            return None
        return stored[0] or before

    async def _write(self, scope: TenantScope, operations: Sequence[Operation]) -> Sequence[Document | None]:
        try:
            return await self._documents.transact(
                scope, container=TENANCY, partition=PARTITION, operations=operations
            )
        finally:
            self.state += 1  # also if the store did not say whether it was stored

    async def _point(self, scope: TenantScope, body: Mapping[str, Any]) -> None:
        await self._directory.point(
            body["issuer"], body["subject"], tenant_id=scope.tenant_id, user=body["user"]
        )

    async def _unlist(self, scope: TenantScope, member: Mapping[str, Any]) -> None:
        """Take a member that is gone out of the directory, where it does no harm if that fails."""
        with suppress(UnavailableError):
            entry = await self._directory.entry(member["issuer"], member["subject"])
            known = await self.identified(scope, member["issuer"], member["subject"])
            if entry is not None and known is None:
                await self._directory.drop(entry, scope.tenant_id)

    async def _existing(self, scope: TenantScope, user: str) -> Document:
        document = await self._document(scope, user)
        if document is None:
            raise NotFoundError(f"There is no member {user!r}")
        return document

    async def _document(self, scope: TenantScope, user: str) -> Document | None:
        document = await self._documents.read(scope, container=TENANCY, partition=PARTITION, id=user)
        return document if document and document.body["kind"] == "member" else None


def _chain(scope: TenantScope) -> Chain:
    return Chain(scope, TENANCY, PARTITION)


def _body(user: str, new: NewMember, before: Document | None, *, now: str) -> dict[str, Any]:
    """A member as ``new`` has it; who it is stays."""
    fixed = {"member_kind": new.kind, "issuer": new.issuer, "subject": new.subject}
    if before is None:
        fixed["member_kind"] = new.kind or "user"
        old: Mapping[str, Any] = {"id": user, "kind": "member", "user": user, "created_at": now, **fixed}
    else:
        old = before.body
        if any(value not in {None, old[name]} for name, value in fixed.items()):
            raise ConflictError(
                f"Who the member {user!r} is stays as it was made; remove it, and make another one"
            )
    wanted = {"roles": sorted(set(new.roles)), "attributes": dict(new.attributes), "updated_at": now}
    return {**old, **wanted}


def _audited(body: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if body is None else {name: body[name] for name in _AUDITED}
