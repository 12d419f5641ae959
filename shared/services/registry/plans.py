"""Plans of intents: made to be executed, and shown before anything is."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from shared.domain.definitions import parse_definition
from shared.domain.errors import FieldError, NotExecutableError, NotFoundError, ValidationFailedError
from shared.domain.intents import Intent
from shared.domain.lifecycle import require_executable, require_plannable
from shared.domain.parameters import validate_parameters
from shared.domain.plans import Plan, make_plan
from shared.domain.previews import Preview, make_preview
from shared.domain.validation.subject import Sent, named_intents
from shared.security.authorization import Resource
from shared.services.callers import Caller
from shared.services.modules.tenant_actions import Known, Pins, TenantActions
from shared.services.registry.intents import Intents
from shared.services.registry.validation import FEW_STEPS, Validation
from shared.services.secrets.values import SecretValues
from shared.services.tenancy.policies import EXECUTE, USE, Policies, intent_resource

KEPT: Final = 512
"""How many plans a process keeps ready to execute; the least recently used go first."""


class Plans:
    def __init__(
        self,
        *,
        intents: Intents,
        validation: Validation,
        actions: TenantActions,
        policies: Policies,
        secrets: SecretValues,
    ) -> None:
        self._intents = intents
        self._validation = validation
        self._actions = actions
        self._policies = policies
        self._secrets = secrets
        # A plan follows from the definition, and from which modules' versions its actions are of.
        self._kept: OrderedDict[tuple[str, Pins], Plan] = OrderedDict()

    async def executable(self, caller: Caller, intent: Intent) -> tuple[Caller, Plan]:
        """The plan of an intent that may be executed as it stands, and the caller as that may execute it.

        Raises:
            NotExecutableError: it may not as it stands.
            ForbiddenError: it may not by the caller, as the policies say of such an intent, or of a secret
                that its steps are given, now.
        """
        caller = await self._policies.require(caller, EXECUTE, intent_resource(intent))
        require_executable(intent)
        known = await self._actions.known(caller.scope, intent.definition)
        key = (intent.content_hash, known.pins)
        if (plan := self._kept.get(key)) is None:
            self._validation.require_executable(intent.definition, known.specs)
            plan = _planned(intent, known)
            _require_steps(intent, plan)
            self._kept[key] = plan
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        await self._validation.require_permitted(caller.scope, plan)
        for name in sorted(plan.secrets):
            await self._policies.require(caller, USE, Resource(name))
        return caller, plan

    async def preview(self, caller: Caller, intent_id: str, parameters: Mapping[str, Any]) -> Preview:
        """What executing the intent with these parameters would do; nothing is stored, and drafts pass.

        Raises:
            NotFoundError: there is no such intent.
            NotExecutableError: it is archived, or it has what this release does not know.
            ValidationFailedError: the parameters do not fit what the intent declares.
        """
        intent = await self._intents.get(caller, intent_id)
        require_plannable(intent)
        report = await self._validation.report(caller, Sent(intent.definition))
        if unknown := [error for error in report.errors if error.stage == "schema"]:
            raise NotExecutableError(errors=unknown)
        values, errors = validate_parameters(intent.definition.get("parameters"), parameters)
        if errors:
            raise ValidationFailedError("The parameters do not fit the intent", errors=errors)
        known = await self._actions.known(caller.scope, intent.definition)
        plan = self._kept.get((intent.content_hash, known.pins)) or _planned(intent, known)
        look = partial(make_preview, intent, plan, values, known.specs)
        # On a thread, if it takes long, so that other requests go on meanwhile.
        preview = look() if len(plan.every_step) <= FEW_STEPS else await asyncio.to_thread(look)
        # What declared parameters lack is for the author, who was told.
        about_steps = [one for one in report.warnings if not one.pointer.startswith("/definition/parameters")]
        return replace(
            preview,
            warnings=[*about_steps, *preview.warnings, *await self._about_secrets(caller, preview)],
            blockers=await self._blockers(caller, intent, plan),
            runs=await self._runs(caller, named_intents(intent.definition)),
        )

    async def _about_secrets(self, caller: Caller, preview: Preview) -> list[FieldError]:
        """Which secrets of its steps there are not, and which may not be used by the caller."""
        wanted = preview.plan.secrets
        missing = wanted - set(await self._secrets.existing(caller.scope, wanted)) if wanted else wanted
        found = [
            FieldError(at, "NO_SECRET", f"the step will fail: there is no secret '{name}'")
            for name in sorted(missing)
            for at in preview.places_of_secret(name)
        ]
        for name in sorted(wanted):
            if not await self._policies.allows(caller, USE, Resource(name)):
                message = f"{caller.principal.name} may not use the secret '{name}', and so not execute this"
                found += [FieldError(at, "FORBIDDEN", message) for at in preview.places_of_secret(name)]
        return found

    async def _runs(self, caller: Caller, names: Sequence[str]) -> Mapping[str, Intent]:
        """The intents of these names and ids that there are."""

        async def find(name: str) -> Intent | None:
            try:
                return await self._intents.get(caller, name)
            except NotFoundError:
                return None

        found = await asyncio.gather(*map(find, names))
        return {name: one for name, one in zip(names, found, strict=True) if one}

    async def _blockers(self, caller: Caller, intent: Intent, plan: Plan) -> list[FieldError]:
        """Why it may not be executed now."""
        found: list[FieldError] = []
        try:
            require_executable(intent)
            _require_steps(intent, plan)
            await self._validation.require_permitted(caller.scope, plan)
        except NotExecutableError as error:
            found.append(FieldError("", error.code, error.message))
        return found


def _planned(intent: Intent, known: Known) -> Plan:
    return make_plan(parse_definition(intent.definition), actions=known.specs)


def _require_steps(intent: Intent, plan: Plan) -> None:
    if not plan.steps:
        raise NotExecutableError(f"The intent {intent.id} has no steps: there is nothing to execute")
