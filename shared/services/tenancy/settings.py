"""The settings of tenants: what a tenant's administrators ask of its intents."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.allowances import NO_ALLOWANCE, Allowance
from shared.domain.errors import (
    ConflictError,
    DocumentError,
    NotFoundError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.standings import GONE, standing_of
from shared.domain.tenants import Tenant, TenantSettings, settings_errors
from shared.ports.clock import Clock
from shared.ports.documents import TENANCY, Document, Documents, Replace
from shared.security.scope import TenantScope
from shared.services.audit.chains import Act, Chain, Chains
from shared.services.callers import Caller
from shared.services.etags import IfMatch, require_match
from shared.services.executions.limits import Limits
from shared.services.receipts import Record, once
from shared.services.tenancy.tenants import TENANT, scope_of

LIFE: Final = 5.0
"""Seconds for which a tenant's settings are remembered: how long a change may take to be felt."""
TENANTS_KEPT: Final = 4096
ATTEMPTS: Final = 5
"""Of a change that others' changes get in the way of."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A tenant as it was read at a Unix time: what its administrators ask, and what is allowed then."""

    read_at: float
    settings: TenantSettings
    allowance: Allowance


class Configuration:
    """Of the caller's own tenant, or of the one that an administrator of the platform names."""

    def __init__(
        self,
        *,
        documents: Documents,
        chains: Chains,
        limits: Limits,
        clock: Clock,
        allowance: Allowance = NO_ALLOWANCE,
    ) -> None:
        """``allowance``: of a tenant of which nobody says anything."""
        self._documents = documents
        self._chains = chains
        self._limits = limits
        self._clock = clock
        self.installation = allowance
        self._remembered: OrderedDict[str, _Known] = OrderedDict()

    async def get(self, caller: Caller, id: str) -> Tenant:
        """The tenant.

        Raises:
            NotFoundError: ``id`` is nobody's, or another's and the caller no member of the platform's tenant.
        """
        return await self.tenant(scope_of(caller, id))

    async def tenant(self, scope: TenantScope) -> Tenant:
        """The tenant of that scope; raises as :meth:`get`."""
        return self._tenant(scope, await self._existing(scope))

    async def configure(
        self, caller: Caller, id: str, changes: Mapping[str, Any], *, if_match: IfMatch = None
    ) -> Tenant:
        """Change those settings that ``changes`` names; None puts one back to what it is by itself.

        Felt by this process at once, by others within ``LIFE`` seconds.

        Raises:
            NotFoundError: as :meth:`get`.
            ConflictError: the tenant is being erased.
            StaleError: the state is none of ``if_match`` (None: any will do).
            ValidationFailedError: the settings break rules; all of them are listed.
        """
        scope = scope_of(caller, id)

        async def done(_: Record) -> Tenant:
            return await self.tenant(scope)

        work = self._configure(caller, scope, changes, if_match)
        return await once(self._documents, _chain(scope), caller.turn, work, done=done)

    async def _configure(
        self, caller: Caller, scope: TenantScope, changes: Mapping[str, Any], if_match: IfMatch
    ) -> Tenant:
        for _ in range(ATTEMPTS):
            before = await self._existing(scope)
            require_match(before, if_match)
            if standing_of(before.body).status in GONE:
                raise ConflictError(f"The tenant {scope.tenant_id!r} is being erased, and stays as it is")
            known: Mapping[str, Any] = before.body.get("settings", {})
            asked = _merged(known, changes)
            errors = settings_errors(
                TenantSettings.of(asked),
                before=TenantSettings.of(known),
                ceiling=self._ceiling(before.body),
            )
            if errors:
                raise ValidationFailedError(errors=errors)
            if asked == known:
                return self._tenant(scope, before)
            if (stored := await self._commit(caller, scope, before, asked)) is not None:
                allowed = self._allowed(stored.body).max_concurrent_executions
                await self._limits.change(scope, allowed)
                return self._tenant(scope, stored)
        raise UnavailableError

    async def max_concurrent_executions(self, scope: TenantScope, *, fresh: bool = False) -> int | None:
        """How many of the tenant's executions run at a time; with ``fresh``, as it is stored now."""
        if fresh:
            self._remembered.pop(scope.tenant_id, None)
        return (await self.allowance(scope)).max_concurrent_executions

    async def renew(self, scope: TenantScope) -> None:
        """Go by what is stored now, for this process has changed it."""
        await self._limits.change(scope, await self.max_concurrent_executions(scope, fresh=True))

    async def settings(self, scope: TenantScope) -> TenantSettings:
        """What the tenant's administrators ask, as it was stored up to ``LIFE`` seconds ago."""
        return (await self._known(scope)).settings

    async def allowance(self, scope: TenantScope) -> Allowance:
        """How much of everything there is for the tenant, as it was up to ``LIFE`` seconds ago."""
        return (await self._known(scope)).allowance

    async def _known(self, scope: TenantScope) -> _Known:
        now = self._clock.now().timestamp()
        known = self._remembered.get(scope.tenant_id)
        if known is None or not 0 <= now - known.read_at < LIFE:
            document = await self._read(scope)
            body: Mapping[str, Any] = document.body if document else {}
            known = _Known(now, TenantSettings.of(body.get("settings", {})), self._allowed(body))
            self._remembered[scope.tenant_id] = known
            if len(self._remembered) > TENANTS_KEPT:
                self._remembered.popitem(last=False)
        return known

    def _ceiling(self, body: Mapping[str, Any]) -> Allowance:
        """What the tenant may have at most: what the platform says of it, or else of every tenant."""
        return Allowance.of(body.get("ceiling", {})).over(self.installation)

    def _allowed(self, body: Mapping[str, Any]) -> Allowance:
        return Allowance.of(body.get("settings", {})).within(self._ceiling(body))

    async def _commit(
        self, caller: Caller, scope: TenantScope, before: Document, asked: Mapping[str, Any]
    ) -> Document | None:
        """Store the settings with their audit record; None if another change came first."""
        act = Act(
            "tenant.configure",
            caller.origin,
            {"settings": before.body.get("settings", {})},
            {"settings": asked},
        )
        record = await self._chains.linked(self._documents, _chain(scope), act, now=self._clock.now())
        replace = Replace({**before.body, "settings": asked}, if_match=before.etag)
        try:
            stored = await self._documents.transact(
                scope, container=TENANCY, partition=TENANT, operations=[replace, *record]
            )
        except DocumentError:
            return None
        self._remembered.pop(scope.tenant_id, None)
        return stored[0]

    async def _existing(self, scope: TenantScope) -> Document:
        document = await self._read(scope)
        if document is None:
            raise NotFoundError(f"There is no tenant {scope.tenant_id!r}")
        return document

    def _tenant(self, scope: TenantScope, document: Document) -> Tenant:
        body = document.body
        settings = TenantSettings.of(body.get("settings", {}))
        ceiling, standing = self._ceiling(body), standing_of(body)
        return Tenant(scope.tenant_id, body["created_at"], settings, ceiling, standing, document.etag)

    async def _read(self, scope: TenantScope) -> Document | None:
        return await self._documents.read(scope, container=TENANCY, partition=TENANT, id=TENANT)


def _chain(scope: TenantScope) -> Chain:
    return Chain(scope, TENANCY, TENANT)


def _merged(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``settings`` with ``changes``, as a JSON merge patch has it (RFC 7396); lists without repeats."""
    merged = {name: _changed(settings.get(name), value) for name, value in changes.items()}
    return {name: value for name, value in {**settings, **merged}.items() if value is not None}


def _changed(before: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _merged(before or {}, value) or None
    return list(dict.fromkeys(value)) if isinstance(value, list) else value
