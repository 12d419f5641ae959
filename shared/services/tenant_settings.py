"""The use cases of tenants: what a tenant's administrators ask of its intents."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from shared.domain.errors import (
    DocumentError,
    NotFoundError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.rates import RateLimits
from shared.domain.tenants import Tenant, TenantSettings, settings_errors
from shared.ports.clock import Clock
from shared.ports.documents import TENANCY, Document, Documents, Replace
from shared.security.scope import TenantScope
from shared.services.callers import Caller
from shared.services.chains import Act, Chain, Chains
from shared.services.etags import IfMatch, require_match
from shared.services.limits import Limits
from shared.services.receipts import Record, once

DOCUMENT: Final = "tenant"
"""The tenant's own document, and its partition, which has the chain of its audit records too."""
LIFE: Final = 5.0
"""Seconds for which a tenant's settings are remembered: how long a change may take to be felt."""
TENANTS_KEPT: Final = 4096
ATTEMPTS: Final = 5
"""Of a change that others' changes get in the way of."""


class Configuration:
    """Each method is about the caller's own tenant: what others there are is nobody's to know."""

    def __init__(
        self,
        *,
        documents: Documents,
        chains: Chains,
        limits: Limits,
        clock: Clock,
        max_concurrent_executions: int | None = None,
    ) -> None:
        self._documents = documents
        self._chains = chains
        self._limits = limits
        self._clock = clock
        self._max_concurrent = max_concurrent_executions
        self._remembered: OrderedDict[str, tuple[float, TenantSettings]] = OrderedDict()

    async def get(self, caller: Caller, id: str) -> Tenant:
        """The caller's tenant.

        Raises:
            NotFoundError: ``id`` is another's, or nobody's.
        """
        return _tenant(caller.scope, await self._document(caller, id))

    async def configure(
        self, caller: Caller, id: str, changes: Mapping[str, Any], *, if_match: IfMatch = None
    ) -> Tenant:
        """Change those settings that ``changes`` names; None puts one back to what it is by itself.

        Felt by this process at once, by others within ``LIFE`` seconds.

        Raises:
            NotFoundError: ``id`` is not the caller's tenant.
            StaleError: the state is none of ``if_match`` (None: any will do).
            ValidationFailedError: the settings break rules; all of them are listed.
        """

        async def done(_: Record) -> Tenant:
            return await self.get(caller, id)

        work = self._configure(caller, id, changes, if_match)
        return await once(self._documents, _chain(caller.scope), caller.turn, work, done=done)

    async def _configure(
        self, caller: Caller, id: str, changes: Mapping[str, Any], if_match: IfMatch
    ) -> Tenant:
        for _ in range(ATTEMPTS):
            before = await self._document(caller, id)
            require_match(before, if_match)
            asked = _merged(before.body.get("settings", {}), changes)
            if errors := settings_errors(_settings(asked)):
                raise ValidationFailedError(errors=errors)
            if asked == before.body.get("settings", {}):
                return _tenant(caller.scope, before)
            if (stored := await self._commit(caller, before, asked)) is not None:
                await self._limits.change(caller.scope, self._max_concurrent_of(_settings(asked)))
                return _tenant(caller.scope, stored)
        raise UnavailableError

    async def max_concurrent_executions(self, scope: TenantScope, *, fresh: bool = False) -> int | None:
        """How many of the tenant's executions run at a time: what it says, or else the platform.

        With ``fresh``, what is remembered does not count.
        """
        if fresh:
            self._remembered.pop(scope.tenant_id, None)
        return self._max_concurrent_of(await self.settings(scope))

    def _max_concurrent_of(self, settings: TenantSettings) -> int | None:
        said = settings.max_concurrent_executions
        return self._max_concurrent if said is None else said

    async def settings(self, scope: TenantScope) -> TenantSettings:
        """What the tenant's administrators ask, as it was stored up to ``LIFE`` seconds ago."""
        now = self._clock.now().timestamp()
        entry = self._remembered.get(scope.tenant_id)
        if entry is None or not 0 <= now - entry[0] < LIFE:
            document = await self._read(scope)
            entry = (now, _settings(document.body.get("settings", {}) if document else {}))
            self._remembered[scope.tenant_id] = entry
            if len(self._remembered) > TENANTS_KEPT:
                self._remembered.popitem(last=False)
        return entry[1]

    async def _commit(self, caller: Caller, before: Document, asked: Mapping[str, Any]) -> Document | None:
        """Store the settings with their audit record; None if another change came first."""
        act = Act(
            "tenant.configure",
            caller.origin,
            {"settings": before.body.get("settings", {})},
            {"settings": asked},
        )
        record = await self._chains.linked(self._documents, _chain(caller.scope), act, now=self._clock.now())
        replace = Replace({**before.body, "settings": asked}, if_match=before.etag)
        try:
            stored = await self._documents.transact(
                caller.scope, container=TENANCY, partition=DOCUMENT, operations=[replace, *record]
            )
        except DocumentError:
            return None
        self._remembered.pop(caller.scope.tenant_id, None)
        return stored[0]

    async def _document(self, caller: Caller, id: str) -> Document:
        document = await self._read(caller.scope) if id == caller.scope.tenant_id else None
        if document is None:
            raise NotFoundError(f"There is no tenant {id!r}")
        return document

    async def _read(self, scope: TenantScope) -> Document | None:
        return await self._documents.read(scope, container=TENANCY, partition=DOCUMENT, id=DOCUMENT)


def _chain(scope: TenantScope) -> Chain:
    return Chain(scope, TENANCY, DOCUMENT)


def _merged(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``settings`` with ``changes``, as a JSON merge patch has it (RFC 7396); lists without repeats."""
    merged = {name: _changed(settings.get(name), value) for name, value in changes.items()}
    return {name: value for name, value in {**settings, **merged}.items() if value is not None}


def _changed(before: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _merged(before or {}, value) or None
    return list(dict.fromkeys(value)) if isinstance(value, list) else value


def _settings(stored: Mapping[str, Any]) -> TenantSettings:
    return TenantSettings(
        stored.get("forbidden_actions", ()),
        stored.get("allowed_registries"),
        stored.get("max_concurrent_executions"),
        RateLimits.of(stored.get("rate_limits", {})),
    )


def _tenant(scope: TenantScope, document: Document) -> Tenant:
    body = document.body
    return Tenant(scope.tenant_id, body["created_at"], _settings(body.get("settings", {})), document.etag)
