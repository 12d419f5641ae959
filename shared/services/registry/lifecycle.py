"""The life of intents: what changes beside definitions, which version is active, archive and restore."""

from collections.abc import Mapping
from typing import Any

from shared.domain import intents as rules
from shared.domain.errors import ConflictError, FieldError, ValidationFailedError
from shared.domain.intents import HEAD, Amendment, Intent, Reference
from shared.domain.lifecycle import require_activation, require_transition, require_writable
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import REGISTRY, Documents, Operation
from shared.security.authorization import Resource
from shared.services.callers import Caller
from shared.services.registry.references import References
from shared.services.registry.registry import Body, Change, IfMatch, Registry, activated, described
from shared.services.tenancy.policies import Policies

_ACTIONS: Mapping[str, str] = {"deprecated": "intent.deprecate", "active": "intent.activate"}
"""How audit records call a change to a status; other changes are ``intent.update``."""


class Lifecycle:
    """Use cases of intents that are there. Each method acts for ``caller`` in the caller's tenant only."""

    def __init__(
        self,
        *,
        documents: Documents,
        registry: Registry,
        references: References,
        policies: Policies,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._registry = registry
        self._references = references
        self._policies = policies
        self._clock = clock

    async def amend(
        self, caller: Caller, name: str, amendment: Amendment, *, if_match: IfMatch = None
    ) -> Intent:
        """Change what ``amendment`` names, all of it or nothing.

        Raises:
            StaleError: the intent's etag is none of ``if_match``.
            NotFoundError: there is no such intent.
            ConflictError: its status does not allow it, or other intents refer to what is to be archived.
            ForbiddenError: the caller may not archive.
            ValidationFailedError: labels, description, version or successor break rules.
        """
        if amendment.get("status") == "archived":
            caller = await self._policies.require(caller, "intents.archive", Resource(name))

        async def decide(head: Body) -> Change | None:
            after = await self._amended(caller, head, amendment)
            return await self._change(caller, head, after)

        return await self._registry.change(caller, name, decide, if_match=if_match)

    async def archive(self, caller: Caller, name: str, *, if_match: IfMatch = None) -> None:
        """Put the intent away: it keeps its name and versions, and is not executed until it is restored.

        Raises:
            StaleError: the intent's etag is none of ``if_match``.
            NotFoundError: there is no such intent.
            ConflictError: other intents refer to it.
        """
        await self.amend(caller, name, {"status": "archived"}, if_match=if_match)

    async def _amended(self, caller: Caller, head: Body, amendment: Amendment) -> dict[str, Any]:
        """The head as the caller wants it."""
        status = amendment.get("status", head["status"])
        require_transition(head["name"], head["status"], status)
        if status == head["status"] and amendment.keys() - {"status"}:
            require_writable(head["name"], status)
        given = amendment.get("labels", {})
        labels = {} if given is None else {**head["labels"], **given}
        after = {
            **head,
            "status": status,
            "description": amendment.get("description", head["description"]) or "",
            "labels": {key: value for key, value in labels.items() if value is not None},
            "successor": amendment.get("successor", head["successor"]),
        }
        errors = [
            *rules.description_errors(after["description"]),
            *rules.label_errors(after["labels"]),
            *await self._successor_errors(caller, head, amendment.get("successor"), status),
        ]
        if errors:
            raise ValidationFailedError(errors=errors)
        if status != head["status"]:
            after["successor"] = after["successor"] if status in {"deprecated", "archived"} else None
            after["deprecated_at"] = rfc3339(self._clock.now()) if status == "deprecated" else None
        number = amendment.get("active_version", head["version"])
        require_activation(head["name"], number, active=head["version"], latest=head["latest_version"])
        if number != head["version"]:
            return activated(after, await self._registry.version(caller, head, number))
        return described(after)

    async def _successor_errors(
        self, caller: Caller, head: Body, named: str | None, status: str
    ) -> list[FieldError]:
        if named is None:
            return []
        if status != "deprecated":
            message = "only a deprecated intent has a successor; set status to deprecated as well"
            return [FieldError("/successor", "VALUE", message)]
        reference = Reference.parse(named)
        if reference is not None and reference.name == head["name"]:
            return [FieldError("/successor", "VALUE", "an intent cannot succeed itself")]
        found = reference and await self._documents.read(
            caller.scope, container=REGISTRY, partition=reference.name, id=HEAD
        )
        if not found or not reference or (reference.version or 1) > found.body["latest_version"]:
            message = f"there is no intent {named!r}; create it first"
            return [FieldError("/successor", "UNKNOWN_INTENT", message)]
        if found.body["status"] == "archived":
            message = f"the intent {named!r} is archived; restore it first, or name another"
            return [FieldError("/successor", "ARCHIVED", message)]
        return []

    async def _change(self, caller: Caller, head: Body, after: Body) -> Change | None:
        fields = ("status", "description", "labels", "successor", "version")
        changed = [field for field in fields if after[field] != head[field]]
        if not changed:
            return None
        operations: list[Operation] = []
        warnings: list[FieldError] = []
        action, event = "intent.update", "intent_updated"
        if "status" in changed:
            action = _ACTIONS.get(after["status"], action)
        if "version" in changed:
            action = "intent.activate"
        if "status" in changed and after["status"] == "archived":
            action, event = "intent.archive", "intent_archived"
            operations = [await self._close(caller, head["name"])]
        elif "status" in changed and head["status"] == "archived":
            action, operations = "intent.restore", [self._references.opening()]
        elif "status" in changed and after["status"] == "deprecated":
            warnings = await self._deprecation_warnings(caller, head["name"])
        told = {"changed": sorted(changed), "status": after["status"]}
        return Change(action, event, after, told=told, operations=operations, warnings=warnings)

    async def _close(self, caller: Caller, name: str) -> Operation:
        referrers, closing = await self._references.closing(caller.scope, name)
        if referrers:
            raise ConflictError(
                f"The intent {name!r} is run by {_named(referrers)}; "
                "archive those first, or give them a version that does without it"
            )
        return closing

    async def _deprecation_warnings(self, caller: Caller, name: str) -> list[FieldError]:
        referrers = await self._references.referrers(caller.scope, name)
        message = f"{_named(referrers)} still run {name!r}"
        return [FieldError("/status", "REFERENCED", message)] if referrers else []


def _named(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
