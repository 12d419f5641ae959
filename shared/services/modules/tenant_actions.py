"""Which actions a tenant has: those that are built in, and those of its own modules."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.actions import ActionSpec
from shared.domain.manifests import ModuleVersion, named_modules
from shared.domain.plans import PlanStep
from shared.ports.actions import Action, Catalogue
from shared.ports.clock import Clock
from shared.ports.modules import RemoteModules
from shared.security.scope import TenantScope
from shared.services.modules.store import ModuleStore

type Pins = tuple[tuple[str, str, int], ...]
"""Tenant, module and version: what the actions of a definition are, beside those that are built in."""


@dataclass(frozen=True, slots=True)
class Known:
    """The actions that a definition may have; ``pins`` tells whether they are the same as at another time."""

    specs: Mapping[str, ActionSpec]
    pins: Pins = ()


class TenantActions:
    def __init__(
        self, *, catalogue: Catalogue, store: ModuleStore, remote: RemoteModules, clock: Clock
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._remote = remote
        self._clock = clock

    async def known(self, scope: TenantScope, definition: Any) -> Known:
        """The built-in actions, and those of the modules that the definition names, as they are now.

        Raises:
            UnavailableError: the store cannot be reached.
        """
        names = named_modules(definition)
        if not names:
            return Known(self._catalogue.specs())
        heads = await self._store.heads(scope, names)
        versions = await asyncio.gather(
            *(self._store.version(scope, one.body["name"], one.body["version"]) for one in heads)
        )
        specs = dict(self._catalogue.specs())
        for version in versions:
            specs |= version.specs() if version else {}
        pins = [(scope.tenant_id, one.name, one.version) for one in versions if one]
        return Known(specs, tuple(pins))

    async def own(self, scope: TenantScope) -> Sequence[ModuleVersion]:
        """The tenant's own modules, as they are now.

        Raises:
            UnavailableError: the store cannot be reached.
        """
        return await self._store.all(scope)

    async def action(self, scope: TenantScope, step: PlanStep) -> Action:
        """What the step does: an action that is built in, or the module's in the version of the plan.

        Raises:
            LookupError: there is no such action, and no plan of ours has it.
            UnavailableError: the store cannot be reached.
        """
        if step.version is None:
            return self._catalogue.action(step.action)
        name, verb = step.module, step.action.partition("/")[2]
        head = await self._store.head(scope, name)
        version = await self._store.version(scope, name, step.version)
        if head is None or version is None:
            return self._remote.gone(step.action)
        return self._remote.action(version, verb, self._store.keys(scope, head.body, self._clock.now()))
