"""What a bearer token means: the door that every request comes in by.

The directory says where an identity may be a member; whether it is, and with which roles, its tenant says.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from shared.domain.children import Lineage
from shared.domain.errors import BadRequestError, ForbiddenError, NotFoundError, UnauthenticatedError
from shared.domain.members import USER, Member
from shared.domain.schedules import Firing
from shared.ports.clock import Clock
from shared.ports.tokens import Identity, Tokens
from shared.security.principals import Principal, PrincipalKind
from shared.security.scope import TENANT_ID, TenantScope
from shared.services.callers import Caller
from shared.services.tenancy.members import Members
from shared.services.tenancy.membership import principal_of
from shared.services.tenancy.strangers import Strangers
from shared.services.tenancy.tenants import Tenants

CALLER_LIFE: Final = 5.0
"""Seconds for which a caller is remembered: how long a change of roles may take to be felt."""
CALLERS_KEPT: Final = 4096
"""Most callers remembered; the least recently seen go first."""

type _Key = tuple[str, str, PrincipalKind | None, str | None]


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


class Authentication:
    def __init__(
        self, members: Members, tenants: Tenants, tokens: Tokens, clock: Clock, strangers: Strangers
    ) -> None:
        self._members = members
        self._tenants = tenants
        self._tokens = tokens
        self._clock = clock
        self._strangers = strangers
        self._callers: OrderedDict[_Key, tuple[float, Caller]] = OrderedDict()
        self._state = members.state

    async def authenticate(
        self, authorization: str | None, tenant_header: str | None, address: str | None = None
    ) -> Caller:
        """The caller that the ``Authorization`` and ``X-Tenant-ID`` headers of a request stand for.

        Whether anything is done for its tenant's members, whoever asks this looks (``tenants.py``).

        Raises:
            UnauthenticatedError: no bearer token, one that is refused, or one of nobody's member.
            RateLimitedError: it is none that is taken, and neither were many before it, from ``address`` or
                of the same identity.
            BadRequestError: ``X-Tenant-ID`` is needed and missing, or is not a tenant's id.
            NotFoundError: there is no tenant of that id, or the caller is not its member.
            UnavailableError: the store or the issuer's keys cannot be had.
        """
        identity = await self._verified(authorization, address)
        now = self._clock.now().timestamp()
        key = (identity.issuer, identity.subject, identity.kind, tenant_header)
        if (caller := self._remembered(key, now)) is not None:
            return caller
        state = self._members.state
        with self._looking_for(identity):
            caller = await self._find(identity, tenant_header)
        if state != self._members.state:
            return caller  # a member was changed meanwhile, and perhaps this one
        self._callers[key] = (now, caller)
        if len(self._callers) > CALLERS_KEPT:
            self._callers.popitem(last=False)
        return caller

    async def recognize(
        self, authorization: str | None, tenant_header: str | None, address: str | None = None
    ) -> Acquaintance:
        """Who sends these headers; the tenant need not be named, also by a member of several.

        Raises:
            UnauthenticatedError, RateLimitedError, NotFoundError, UnavailableError: as :meth:`authenticate`.
            BadRequestError: ``X-Tenant-ID`` is not a tenant's id.
        """
        identity = await self._verified(authorization, address)
        with self._looking_for(identity):
            found = await self._memberships(identity, await self._listed(identity))
            if not found:
                raise _nobody(identity)
        chosen = None
        if tenant_header is not None or len(found) == 1:
            chosen = await self.authenticate(authorization, tenant_header or found[0].tenant_id, address)
        return Acquaintance(identity, found, chosen)

    async def _verified(self, authorization: str | None, address: str | None) -> Identity:
        """Whom the token speaks for; one that is good is, whatever else came from the address."""
        try:
            return await self._tokens.verify(_bearer(authorization))
        except UnauthenticatedError:
            self._strangers.failed(address)
            raise

    @contextmanager
    def _looking_for(self, identity: Identity) -> Iterator[None]:
        """Within, the member that it is is looked for, unless it was found to be none too often."""
        self._strangers.require_free(identity.issuer, identity.subject)
        try:
            yield
        except UnauthenticatedError:
            self._strangers.nobody(identity.issuer, identity.subject)
            raise

    async def _memberships(self, identity: Identity, tenants: Mapping[str, str]) -> list[Membership]:
        """Of the tenants that the directory lists, those that the identity is a member of."""
        found = []
        for tenant_id, user in sorted(tenants.items()):
            member = await self._member(identity, TenantScope(tenant_id), user)
            if member is not None and identity.kind in {None, member.kind}:
                found.append(Membership(tenant_id, member.user, member.kind, member.roles))
        return found

    async def acting(
        self, scope: TenantScope, occasion: Firing | Lineage, *, user: str, issuer: str, subject: str
    ) -> Caller:
        """The member in whose name a schedule fires or a step executes, with the roles it has now.

        Raises:
            ForbiddenError: it is a member no more, or nothing is done for the tenant's members.
        """
        await self._tenants.require_served(scope)
        member = await self._members.find(scope, user)
        if member is None or not member.has(issuer, subject):
            raise ForbiddenError(
                f"{user}@{scope.tenant_id}, in whose name this is executed, is a member no more"
                f"{occasion.remedy}"
            )
        return Caller(principal_of(scope.tenant_id, member), scope, occasion=occasion)

    async def principal(self, scope: TenantScope, user: str) -> Principal | None:
        """The member of that name, as it would act now; None: there is none."""
        member = await self._members.find(scope, user) if USER.fullmatch(user) else None
        return None if member is None else principal_of(scope.tenant_id, member)

    async def _find(self, identity: Identity, tenant_header: str | None) -> Caller:
        tenants = await self._listed(identity)
        if tenant_header is None and len(tenants) > 1:
            found = await self._memberships(identity, tenants)
            tenants = {one.tenant_id: one.user for one in found}
        if not tenants:
            raise _nobody(identity)
        tenant_id = _chosen(tenants, tenant_header)
        scope = TenantScope(tenant_id)
        user = tenants[tenant_id]
        member = await self._member(identity, scope, user)
        if member is None:
            if tenant_header is None:
                raise UnauthenticatedError(f"{user}@{tenant_id} is a member no more")
            raise NotFoundError(f"There is no tenant {tenant_id!r}")
        if identity.kind not in {None, member.kind}:
            # A service's token never stands in for a person's, nor the other way round.
            raise UnauthenticatedError(f"a {identity.kind}'s token of {user}@{tenant_id}, which is none")
        return Caller(principal_of(tenant_id, member), scope)

    async def _listed(self, identity: Identity) -> Mapping[str, str]:
        return await self._members.tenants(identity.issuer, identity.subject)

    async def _member(self, identity: Identity, scope: TenantScope, user: str) -> Member | None:
        """The member that the identity is in the tenant, under the name ``user`` as a rule."""
        member = await self._members.find(scope, user)
        if member is not None and member.has(identity.issuer, identity.subject):
            return member
        return await self._members.identified(scope, identity.issuer, identity.subject)

    def _remembered(self, key: _Key, now: float) -> Caller | None:
        if self._state != self._members.state:
            self._state = self._members.state
            self._callers.clear()
        entry = self._callers.get(key)
        if entry is None or not 0 <= now - entry[0] < CALLER_LIFE:
            return None
        self._callers.move_to_end(key)
        return entry[1]


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


def _nobody(identity: Identity) -> UnauthenticatedError:
    return UnauthenticatedError(f"{identity.subject!r} of {identity.issuer} is a member of no tenant")
