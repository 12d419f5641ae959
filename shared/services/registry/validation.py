"""Validation as a use case: the rules, with what they must know of the tenant."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from shared.domain.actions import ActionSpec
from shared.domain.definitions import MAX_DEFINITION_BYTES
from shared.domain.errors import NotExecutableError, ValidationFailedError
from shared.domain.intents import HEAD, Reference, version_document_id
from shared.domain.plans import Plan
from shared.domain.validation.report import Report
from shared.domain.validation.subject import MAX_TARGETS, Context, Sent, Target, named_intents
from shared.ports.documents import REGISTRY, Document, Documents
from shared.security.scope import TenantScope
from shared.services.callers import Caller
from shared.services.modules.tenant_actions import TenantActions
from shared.services.tenancy.settings import Configuration

FEW_STEPS: Final = 20
"""Definitions with more steps are validated on a thread, so that other requests go on meanwhile."""


class Validation:
    """What ``POST /intents/validate`` answers, and what nothing is stored without."""

    def __init__(
        self,
        *,
        documents: Documents,
        actions: TenantActions,
        configuration: Configuration,
        url_refusal: Callable[[str], str | None],
    ) -> None:
        self._documents = documents
        self._actions = actions
        self._configuration = configuration
        self._url_refusal = url_refusal

    async def report(self, caller: Caller, sent: Sent) -> Report:
        """Everything that is wrong with an intent, and advice; nothing is stored."""
        context = Context(
            actions=(await self._actions.known(caller.scope, sent.definition)).specs,
            settings=await self._configuration.settings(caller.scope),
            url_refusal=self._url_refusal,
            intents=await self._targets(caller.scope, named_intents(sent.definition)),
            max_definition_bytes=await self._max_definition_bytes(caller.scope),
        )
        if _is_small(sent.definition):
            return _validate(sent, context)
        return await asyncio.to_thread(_validate, sent, context)

    async def require(self, caller: Caller, sent: Sent) -> Report:
        """The report of an intent that may be stored.

        Raises:
            ValidationFailedError: it breaks rules; all of them are listed.
        """
        report = await self.report(caller, sent)
        if report.errors:
            raise ValidationFailedError(errors=report.errors)
        return report

    async def require_executable_by(self, scope: TenantScope, definition: Mapping[str, Any]) -> None:
        """Let a stored definition pass that the tenant can execute now.

        Raises:
            NotExecutableError: it has what this release, or the tenant's modules, do not know.
        """
        self.require_executable(definition, (await self._actions.known(scope, definition)).specs)

    def require_executable(self, definition: Mapping[str, Any], actions: Mapping[str, ActionSpec]) -> None:
        """Let a stored definition pass that can be executed with these ``actions``.

        Later rules of storing are not asked.

        Raises:
            NotExecutableError: it has what this release does not know.
        """
        report = _validate(Sent(definition), Context(actions=actions))
        unknown = [error for error in report.errors if error.stage == "schema"]
        if unknown:
            raise NotExecutableError(errors=unknown)

    async def require_permitted(self, scope: TenantScope, plan: Plan) -> None:
        """Let a plan pass whose actions the tenant's administrators do not forbid, or no longer.

        Raises:
            NotExecutableError: they forbid one.
        """
        forbidden = frozenset((await self._configuration.settings(scope)).forbidden_actions)
        for name in sorted(forbidden & plan.actions if forbidden else ()):
            raise NotExecutableError(f"The administrators of this tenant forbid the action '{name}'")

    async def _max_definition_bytes(self, scope: TenantScope) -> int:
        most = (await self._configuration.allowance(scope)).quotas.definition_bytes
        return MAX_DEFINITION_BYTES if most is None else most

    async def _targets(self, scope: TenantScope, names: Sequence[str]) -> Mapping[str, Target]:
        """What the intents of these names and ids are."""
        found = await asyncio.gather(*(self._target(scope, name) for name in names[:MAX_TARGETS]))
        return dict(zip(names, found, strict=False))

    async def _target(self, scope: TenantScope, name: str) -> Target:
        reference = Reference.parse(name)
        if reference is None:
            return Target(None)
        head = await self._read(scope, reference.name, HEAD)
        if head is None:
            return Target(None)
        if reference.version not in {None, head.body["version"]}:
            version = version_document_id(reference.version or 0)
            if not await self._read(scope, reference.name, version):
                return Target(None)
        return Target(head.body["status"], head.body.get("successor"))

    async def _read(self, scope: TenantScope, name: str, id: str) -> Document | None:
        return await self._documents.read(scope, container=REGISTRY, partition=name, id=id)


def _validate(sent: Sent, context: Context) -> Report:
    # Late, for a quick cold start: the rules are 10 ms of it.
    from shared.domain.validation.stages import validate

    return validate(sent, context)


def _is_small(definition: Any) -> bool:
    sections = (
        [definition.get(name) for name in ("steps", "finally")] if isinstance(definition, Mapping) else ()
    )
    return sum(len(section) for section in sections if isinstance(section, list)) <= FEW_STEPS
