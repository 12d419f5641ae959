"""What the platform's administrators make of tenants.

How a tenant stands is in its own document, which decides; what follows from a change of that elsewhere is
``tenant_settling.py``.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from shared.domain.allowances import Allowance, allowance_errors
from shared.domain.errors import (
    ConflictError,
    DocumentError,
    DocumentExistsError,
    FieldError,
    IfMatchRequiredError,
    NotFoundError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.members import identity_errors, member_errors
from shared.domain.paging import Cursors
from shared.domain.pointers import pointer
from shared.domain.standings import (
    GONE,
    PLATFORM,
    Administrator,
    Standing,
    Summary,
    TenantStatus,
    reason_errors,
    standing_of,
)
from shared.domain.tenants import Tenant
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import TENANCY, Create, Document, Documents, Replace
from shared.security.permissions import keeper_of, roles_of
from shared.security.scope import TENANT_ID, TenantScope
from shared.services.audit.chains import Act, Chain, Chains
from shared.services.callers import Caller
from shared.services.etags import IfMatch, require_match
from shared.services.receipts import Record, once
from shared.services.tenancy.directory import DIRECTORY, Directory
from shared.services.tenancy.members import Members
from shared.services.tenancy.settings import Configuration
from shared.services.tenancy.standings import TenantSettling, untold
from shared.services.tenancy.tenants import TENANT, Tenants, scope_of

RESERVED: Final = frozenset({PLATFORM, DIRECTORY})
"""Ids that nobody can give a tenant over HTTP."""
ATTEMPTS: Final = 5
"""Of a change that others' changes get in the way of."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of how a tenant stands: what records call it, to which status, out of which one."""

    action: str
    status: TenantStatus
    since: TenantStatus


_SUSPEND: Final = _Change("tenant.suspend", "suspended", "active")
_RESUME: Final = _Change("tenant.resume", "active", "suspended")
_ERASE: Final = _Change("tenant.erase", "erasing", "suspended")


class TenantChanges:
    """What an administrator of the platform may do, the policies have said before."""

    def __init__(
        self,
        *,
        documents: Documents,
        tenants: Tenants,
        configuration: Configuration,
        members: Members,
        settling: TenantSettling,
        chains: Chains,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._directory = Directory(documents)
        self._tenants = tenants
        self._configuration = configuration
        self._members = members
        self._settling = settling
        self._chains = chains
        self._cursors = cursors
        self._clock = clock

    async def list(
        self, status: TenantStatus | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[Sequence[Summary], str | None]:
        """A page of all tenants by id, or of those of a status, and the cursor of the next.

        Raises:
            BadCursorError: ``cursor`` was not made by this list with this filter.
        """
        of = [PLATFORM, "tenants", status]
        after = self._cursors.open(cursor, of=of) if cursor else None
        found, following = await self._directory.summaries(status, limit=limit, after=after)
        return found, self._cursors.seal(following, of=of) if following else None

    async def create(self, caller: Caller, tenant_id: str, administrator: Administrator) -> Tenant:
        """Make a tenant with its first member, who is its administrator.

        Raises:
            ValidationFailedError: it breaks rules; all of them are listed.
            ConflictError: there is a tenant of that id, or there was one.
        """
        if errors := self._errors(tenant_id, administrator):
            raise ValidationFailedError(errors=errors)
        scope = TenantScope(tenant_id)
        work = self._create(caller, scope, administrator)
        return await self._once(caller, scope, work)

    async def allow(
        self, caller: Caller, tenant_id: str, ceiling: Allowance, *, if_match: IfMatch = None
    ) -> Tenant:
        """Allow the tenant so much, in place of what every tenant is allowed; None: as much as that.

        Felt by this process at once, by others within seconds (``tenant_settings.LIFE``).

        Raises:
            NotFoundError: there is no such tenant.
            ConflictError: it is being erased.
            StaleError: its state is none of ``if_match``.
            ValidationFailedError: the ceiling breaks rules; all of them are listed.
        """
        if errors := list(allowance_errors(ceiling)):
            raise ValidationFailedError(errors=errors)
        scope = scope_of(caller, tenant_id)
        return await self._once(caller, scope, self._allow(caller, scope, ceiling.to_json(), if_match))

    async def suspend(
        self, caller: Caller, tenant_id: str, reason: str, *, if_match: IfMatch = None
    ) -> Tenant:
        """Do nothing for the tenant's members any more; felt everywhere within ``tenants.LIFE`` seconds.

        Raises:
            NotFoundError: there is no such tenant.
            ConflictError: it is not active, or it is the platform's own.
            StaleError: its state is none of ``if_match``.
            ValidationFailedError: the reason is none.
        """
        return await self._change(caller, tenant_id, _SUSPEND, reason, if_match)

    async def resume(
        self, caller: Caller, tenant_id: str, reason: str, *, if_match: IfMatch = None
    ) -> Tenant:
        """Go on with a tenant that is suspended; raises as :meth:`suspend`."""
        return await self._change(caller, tenant_id, _RESUME, reason, if_match)

    async def erase(self, caller: Caller, tenant_id: str, *, if_match: IfMatch) -> Tenant:
        """Have all of a tenant that is suspended deleted, for good (``erasure.py``).

        Raises:
            IfMatchRequiredError: ``if_match`` is None.
            NotFoundError, ConflictError, StaleError: as :meth:`suspend`.
        """
        if if_match is None:
            raise IfMatchRequiredError
        scope = scope_of(caller, tenant_id)
        return await self._once(caller, scope, self._changed(caller, scope, _ERASE, None, if_match))

    def _errors(self, tenant_id: str, administrator: Administrator) -> Sequence[FieldError]:
        errors = []
        if not TENANT_ID.fullmatch(tenant_id) or tenant_id in RESERVED:
            taken = " and ".join(map(repr, sorted(RESERVED)))
            message = f"an id is 1 to 63 of a-z, 0-9 and '-', not '-' at its ends; {taken} are taken"
            errors.append(FieldError("/id", "INVALID", message))
        keeper, known = keeper_of(tenant_id), roles_of(tenant_id)
        return errors + [
            FieldError(pointer("administrator") + error.pointer, error.code, error.message)
            for error in [
                *member_errors(administrator.user, [keeper], known=known),
                *identity_errors(administrator.issuer, administrator.subject),
                *self._members.issuer_errors(administrator.issuer),
            ]
        ]

    async def _create(self, caller: Caller, scope: TenantScope, administrator: Administrator) -> Tenant:
        if await self._tenants.document(TenantScope(PLATFORM)) is None:
            await self._tenants.ensure(PLATFORM)  # its members may all be the operator's word
        await self._settling.note(scope)
        now, first = self._clock.now(), asdict(administrator)
        act = Act("tenant.create", caller.origin, None, {"administrator": first})
        record = self._chains.behind(_chain(scope), None, act, now=now)
        body = {
            "id": TENANT,
            "kind": TENANT,
            "created_at": rfc3339(now),
            "untold": [untold(act, record)],
            "administrator": first,
        }
        try:
            await self._documents.transact(
                scope, container=TENANCY, partition=TENANT, operations=[Create(body), *record]
            )
        except DocumentExistsError as error:
            raise ConflictError(f"There is a tenant {scope.tenant_id!r} already, or there was one") from error
        finally:
            self._tenants.forget(scope)
        return await self._settled(scope)

    async def _allow(
        self, caller: Caller, scope: TenantScope, ceiling: Mapping[str, Any], if_match: IfMatch
    ) -> Tenant:
        for _ in range(ATTEMPTS):
            before = await self._before(scope, if_match)
            if standing_of(before.body).status in GONE:
                raise ConflictError(f"The tenant {scope.tenant_id!r} is being erased, and stays as it is")
            old, new = {"ceiling": before.body.get("ceiling", {})}, {"ceiling": ceiling}
            act = Act("tenant.allow", caller.origin, old, new)
            await self._settling.note(scope)
            if old == new or await self._commit(scope, before, new, act):
                await self._configuration.renew(scope)
                return await self._settled(scope)
        raise UnavailableError

    async def _before(self, scope: TenantScope, if_match: IfMatch) -> Document:
        """What is stored of the tenant, if it is as the caller has it."""
        before = await self._tenants.document(scope)
        if before is None:
            raise NotFoundError(f"There is no tenant {scope.tenant_id!r}")
        require_match(before, if_match)
        return before

    async def _change(
        self, caller: Caller, tenant_id: str, change: _Change, reason: str, if_match: IfMatch
    ) -> Tenant:
        if errors := list(reason_errors(reason)):
            raise ValidationFailedError(errors=errors)
        scope = scope_of(caller, tenant_id)
        work = self._changed(caller, scope, change, reason, if_match)
        return await self._once(caller, scope, work)

    async def _once(self, caller: Caller, scope: TenantScope, work: Awaitable[Tenant]) -> Tenant:
        async def done(_: Record) -> Tenant:
            return await self._settled(scope)

        return await once(self._documents, _chain(scope), caller.turn, work, done=done)

    async def _changed(
        self, caller: Caller, scope: TenantScope, change: _Change, reason: str | None, if_match: IfMatch
    ) -> Tenant:
        for _ in range(ATTEMPTS):
            before = await self._before(scope, if_match)
            standing = standing_of(before.body)
            _require_changeable(scope, standing, change)
            await self._settling.note(scope)
            why = reason or before.body.get("reason")
            after = Standing(change.status, why, rfc3339(self._clock.now()), caller.principal.name)
            act = Act(change.action, caller.origin, standing.audited, after.audited)
            if await self._commit(scope, before, asdict(after), act):
                return await self._settled(scope)
        raise UnavailableError

    async def _commit(
        self, scope: TenantScope, before: Document, fields: Mapping[str, Any], act: Act
    ) -> bool:
        """Store the fields with the record of the act; False if another came first."""
        record = await self._chains.linked(self._documents, _chain(scope), act, now=self._clock.now())
        left = [*before.body.get("untold", ()), untold(act, record)]
        replace = Replace({**before.body, **fields, "untold": left}, if_match=before.etag)
        try:
            await self._documents.transact(
                scope, container=TENANCY, partition=TENANT, operations=[replace, *record]
            )
        except DocumentError:
            return False
        finally:
            self._tenants.forget(scope)
        return True

    async def _settled(self, scope: TenantScope) -> Tenant:
        await self._settling.settle(scope)
        return await self._configuration.tenant(scope)


def _require_changeable(scope: TenantScope, standing: Standing, change: _Change) -> None:
    if scope.tenant_id == PLATFORM:
        raise ConflictError("The platform's own tenant stays as it is")
    if standing.status != change.since:
        raise ConflictError(
            f"The tenant {scope.tenant_id!r} is {standing.status}; it would have to be {change.since}"
        )


def _chain(scope: TenantScope) -> Chain:
    return Chain(scope, TENANCY, TENANT)
