"""Who belongs to which tenant, and what a bearer token therefore means.

Three kinds of documents say it, all in the tenancy container:

- ``member`` in the tenant's own partition ``members``: the truth about roles and attributes, by user;
- ``tenancy`` in the directory's partition ``tenants``: that there is such a tenant;
- ``identity`` in the platform's own tenant ``directory``, one partition per ``(issuer, subject)``: the
  tenants in which that identity is a member, and its user name in each. It is an index: it says where to
  look, and grants nothing.

A member is written first and its index entry second, and both writes may be repeated: a crash between the
two leaves a member who cannot sign in yet, which adding the member again mends.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from shared.domain.children import Lineage
from shared.domain.errors import (
    BadRequestError,
    ConflictError,
    DocumentExistsError,
    DocumentStaleError,
    FieldError,
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
    ValidationFailedError,
)
from shared.domain.schedules import Firing
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import TENANCY, Create, Document, Documents, Operation, Patch, Path, Query
from shared.ports.tokens import Identity, Tokens
from shared.security.permissions import ROLES
from shared.security.principals import Origin, Principal, PrincipalKind, Turn
from shared.security.scope import TENANT_ID, TenantScope

USER = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
"""A member's name in its tenant; ``name@tenant`` is how records name the member."""
DIRECTORY = "directory"
"""The tenant id under which the platform keeps what belongs to no tenant; nobody can be a member of it."""
TENANTS = "tenants"
"""The directory's partition with an entry for every tenant."""
PAGE = 200
CALLER_LIFE = 5.0
"""Seconds for which a caller is remembered: how long a change of roles may take to be felt."""
CALLERS_KEPT = 4096
"""Most callers remembered; the least recently seen go first."""


type _Key = tuple[str, str, PrincipalKind | None, str | None]


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated principal, its right to its tenant's documents, and the request it asks with.

    With ``occasion`` nobody asks: the platform does it in the principal's name, because a schedule or a step
    says so.
    """

    principal: Principal
    scope: TenantScope
    request_id: str = ""
    address: str | None = None
    turn: Turn | None = None
    occasion: Firing | Lineage | None = None

    @property
    def origin(self) -> Origin:
        """What the audit records of this request say of it."""
        if self.occasion is not None:
            return Origin(self.occasion.actor(self.scope.tenant_id))
        return Origin(self.principal.name, self.request_id, self.address, self.turn)


@dataclass(frozen=True, slots=True)
class Membership:
    """That an identity is a member of a tenant: under which name, as what, and with which roles."""

    tenant_id: str
    user: str
    kind: PrincipalKind
    roles: Sequence[str]


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """Who a bearer token speaks for, wherever it is a member.

    Attributes:
        memberships: of all its tenants, by their ids; there is at least one.
        caller: it in the tenant chosen; None: it has several, and named none.
    """

    identity: Identity
    memberships: Sequence[Membership]
    caller: Caller | None


class Members:
    """Tenants and their members, and the door that every request comes in by."""

    def __init__(self, documents: Documents, tokens: Tokens, clock: Clock) -> None:
        self._documents = documents
        self._tokens = tokens
        self._clock = clock
        self._callers: OrderedDict[_Key, tuple[float, Caller]] = OrderedDict()

    async def authenticate(self, authorization: str | None, tenant_header: str | None) -> Caller:
        """The caller that the ``Authorization`` and ``X-Tenant-ID`` headers of a request stand for.

        Raises:
            UnauthenticatedError: no bearer token, one that is refused, or one of nobody's member.
            BadRequestError: ``X-Tenant-ID`` is needed and missing, or is not a tenant's id.
            NotFoundError: there is no tenant of that id, or the caller is not its member.
            UnavailableError: the store or the issuer's keys cannot be had.
        """
        identity = await self._tokens.verify(_bearer(authorization))
        now = self._clock.now().timestamp()
        key = (identity.issuer, identity.subject, identity.kind, tenant_header)
        if (caller := self._remembered(key, now)) is not None:
            return caller
        caller = await self._find(identity, tenant_header)
        self._callers[key] = (now, caller)
        if len(self._callers) > CALLERS_KEPT:
            self._callers.popitem(last=False)
        return caller

    async def recognize(self, authorization: str | None, tenant_header: str | None) -> Acquaintance:
        """Who sends these headers; the tenant need not be named, also by a member of several.

        Raises:
            UnauthenticatedError, NotFoundError, UnavailableError: as :meth:`authenticate`.
            BadRequestError: ``X-Tenant-ID`` is not a tenant's id.
        """
        identity = await self._tokens.verify(_bearer(authorization))
        found = await self._memberships(identity, await self.tenants(identity.issuer, identity.subject))
        if not found:
            raise UnauthenticatedError(f"{identity.subject} of {identity.issuer} is a member of no tenant")
        chosen = None
        if tenant_header is not None or len(found) == 1:
            chosen = await self.authenticate(authorization, tenant_header or found[0].tenant_id)
        return Acquaintance(identity, found, chosen)

    async def _memberships(self, identity: Identity, tenants: Mapping[str, str]) -> list[Membership]:
        """Of the tenants that the index lists, those that the identity is a member of."""
        found = []
        for tenant_id, user in sorted(tenants.items()):
            member = await self._member(TenantScope(tenant_id), user)
            if member is None or not _is(member, identity.issuer, identity.subject):
                continue
            body = member.body
            if identity.kind in {None, body["member_kind"]}:
                found.append(Membership(tenant_id, user, body["member_kind"], body["roles"]))
        return found

    async def acting(
        self, scope: TenantScope, occasion: Firing | Lineage, *, user: str, issuer: str, subject: str
    ) -> Caller:
        """The member in whose name a schedule fires or a step executes, with the roles it has now.

        Raises:
            ForbiddenError: it is a member no more.
        """
        member = await self._member(scope, user)
        if member is None or not _is(member, issuer, subject):
            raise ForbiddenError(
                f"{user}@{scope.tenant_id}, in whose name this is executed, is a member no more"
                f"{occasion.remedy}"
            )
        return Caller(_principal(scope.tenant_id, member), scope, occasion=occasion)

    async def principal(self, scope: TenantScope, user: str) -> Principal | None:
        """The member of that name, as it would act now; None: there is none."""
        member = await self._member(scope, user) if USER.fullmatch(user) else None
        return None if member is None else _principal(scope.tenant_id, member)

    async def tenants(self, issuer: str, subject: str) -> Mapping[str, str]:
        """The tenants that identity is a member of, and its user name in each."""
        index = await self._index(issuer, subject)
        return {} if index is None else index.body["tenants"]

    async def ensure_tenant(self, tenant_id: str) -> None:
        """Make the tenant if it is new.

        Raises:
            ValidationFailedError: the id is not a DNS label, or is the platform's own.
        """
        scope = _scope(tenant_id)
        created_at = rfc3339(self._clock.now())
        with suppress(DocumentExistsError):
            await self._write(
                scope, "tenant", Create({"id": "tenant", "kind": "tenant", "created_at": created_at})
            )
        with suppress(DocumentExistsError):
            entry = {"id": tenant_id, "kind": "tenancy", "created_at": created_at}
            await self._write(TenantScope(DIRECTORY), TENANTS, Create(entry))

    async def tenant_ids(self) -> AsyncIterator[str]:
        """Every tenant's id, for the platform's own timers: no request of a member's leads here."""
        after: str | None = None
        while True:
            query = Query(TENANCY, "tenancy", partition=TENANTS, limit=PAGE, after=after)
            page = await self._documents.query(TenantScope(DIRECTORY), query)
            for document in page.items:
                yield document.body["id"]
            if (after := page.after) is None:
                return

    async def ensure_member(
        self,
        tenant_id: str,
        *,
        user: str,
        roles: Iterable[str],
        issuer: str,
        subject: str,
        attributes: Mapping[str, Any] | None = None,
        kind: PrincipalKind = "user",
    ) -> None:
        """Make ``user`` a member with these roles; an existing member gets them in place of its own.

        ``attributes`` None leaves the ones there are. Felt by this process at once, by others within
        ``CALLER_LIFE`` seconds.

        Raises:
            ValidationFailedError: the tenant, user or a role is not a name that can be given.
            ConflictError: ``user`` is another identity's name in this tenant.
        """
        scope = _scope(tenant_id)
        wanted = sorted(set(roles))
        _check(user, wanted)
        fields: dict[str, Any] = {"roles": wanted, "member_kind": kind}
        if attributes is not None:
            fields["attributes"] = dict(attributes)
        await self._put_member(scope, user, (issuer, subject), fields)
        await self._put_index(issuer, subject, tenant_id, user)
        self._callers.clear()

    async def _find(self, identity: Identity, tenant_header: str | None) -> Caller:
        tenants = await self.tenants(identity.issuer, identity.subject)
        if not tenants:
            raise UnauthenticatedError(f"{identity.subject!r} of {identity.issuer} is a member of no tenant")
        tenant_id = _chosen(tenants, tenant_header)
        scope = TenantScope(tenant_id)
        user = tenants[tenant_id]
        member = await self._member(scope, user)
        if member is None or not _is(member, identity.issuer, identity.subject):
            if tenant_header is None:
                raise UnauthenticatedError(f"{user}@{tenant_id} is a member no more")
            raise NotFoundError(f"There is no tenant {tenant_id!r}")
        if identity.kind not in {None, member.body["member_kind"]}:
            # A service's token never stands in for a person's, nor the other way round.
            raise UnauthenticatedError(f"a {identity.kind}'s token of {user}@{tenant_id}, which is none")
        return Caller(_principal(tenant_id, member), scope)

    def _remembered(self, key: _Key, now: float) -> Caller | None:
        entry = self._callers.get(key)
        if entry is None or not 0 <= now - entry[0] < CALLER_LIFE:
            return None
        self._callers.move_to_end(key)
        return entry[1]

    async def _member(self, scope: TenantScope, user: str) -> Document | None:
        return await self._documents.read(scope, container=TENANCY, partition="members", id=user)

    async def _index(self, issuer: str, subject: str) -> Document | None:
        return await self._documents.read(
            TenantScope(DIRECTORY), container=TENANCY, partition=_partition(issuer, subject), id="identity"
        )

    async def _put_member(
        self, scope: TenantScope, user: str, identity: tuple[str, str], fields: Mapping[str, Any]
    ) -> None:
        issuer, subject = identity
        body = {
            "id": user,
            "kind": "member",
            "user": user,
            "issuer": issuer,
            "subject": subject,
            "attributes": {},
        }
        try:
            await self._write(scope, "members", Create(body | dict(fields)))
        except DocumentExistsError:
            same: dict[Path, str] = {("issuer",): issuer, ("subject",): subject}
            patch = Patch(user, set={(name,): value for name, value in fields.items()}, where=same)
            try:
                await self._write(scope, "members", patch)
            except DocumentStaleError as error:
                taken = f"{user!r} is the name of another member of {scope.tenant_id}"
                raise ConflictError(taken) from error

    async def _put_index(self, issuer: str, subject: str, tenant_id: str, user: str) -> None:
        scope, partition = TenantScope(DIRECTORY), _partition(issuer, subject)
        body = {"id": "identity", "kind": "identity", "issuer": issuer, "subject": subject}
        try:
            await self._write(scope, partition, Create(body | {"tenants": {tenant_id: user}}))
        except DocumentExistsError:
            await self._write(scope, partition, Patch("identity", set={("tenants", tenant_id): user}))

    async def _write(self, scope: TenantScope, partition: str, operation: Operation) -> None:
        await self._documents.transact(scope, container=TENANCY, partition=partition, operations=[operation])


def _bearer(authorization: str | None) -> str:
    # RFC 6750, section 2.1; the scheme's name has no case (RFC 9110, section 11.1).
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("the request carries no bearer token")
    return token.strip()


def _chosen(tenants: Mapping[str, str], tenant_header: str | None) -> str:
    if tenant_header is None:
        if len(tenants) > 1:
            yours = ", ".join(sorted(tenants))
            raise BadRequestError(f"You are a member of several tenants ({yours}): name one in X-Tenant-ID")
        return next(iter(tenants))
    if not TENANT_ID.fullmatch(tenant_header):
        raise BadRequestError("X-Tenant-ID is not a tenant's id (a DNS label in lower case)")
    if tenant_header not in tenants:
        raise NotFoundError(f"There is no tenant {tenant_header!r}")
    return tenant_header


def _partition(issuer: str, subject: str) -> str:
    # Both are any text: the digest is a key of one size without the characters that stores refuse.
    return hashlib.sha256(f"{len(issuer)}:{issuer}{subject}".encode()).hexdigest()


def _is(member: Document, issuer: str, subject: str) -> bool:
    return (member.body["issuer"], member.body["subject"]) == (issuer, subject)


def _principal(tenant_id: str, member: Document) -> Principal:
    body = member.body
    return Principal(
        tenant_id=tenant_id,
        user=body["user"],
        roles=frozenset(body["roles"]),
        attributes=MappingProxyType(body["attributes"]),
        issuer=body["issuer"],
        subject=body["subject"],
        kind=body["member_kind"],
    )


def _scope(tenant_id: str) -> TenantScope:
    if tenant_id == DIRECTORY or not TENANT_ID.fullmatch(tenant_id):
        message = "must be a DNS label in lower case, and not the platform's own name"
        raise ValidationFailedError(errors=[FieldError("/tenant_id", "INVALID", f"{tenant_id!r}: {message}")])
    return TenantScope(tenant_id)


def _check(user: str, roles: list[str]) -> None:
    errors = []
    if not USER.fullmatch(user):
        message = (
            f"{user!r}: must be 1 to 64 of a-z, 0-9, '.', '_' and '-', with a letter or digit at both ends"
        )
        errors.append(FieldError("/user", "INVALID", message))
    known = ", ".join(ROLES)
    errors += [
        FieldError(f"/roles/{index}", "UNKNOWN", f"{role!r} is not a role; the roles are {known}")
        for index, role in enumerate(roles)
        if role not in ROLES
    ]
    if errors:
        raise ValidationFailedError(errors=errors)
