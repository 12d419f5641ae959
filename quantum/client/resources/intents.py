"""Intents and their versions."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from quantum.client.addresses import path
from quantum.client.answers import parsed
from quantum.client.errors import ExecutionFailedError
from quantum.client.pages import Listing
from quantum.client.resources.resource import Resource, given
from quantum.client.transport import Transport
from quantum.contract.intents import Intent, IntentFacet, IntentPage, IntentSort, IntentStatus
from quantum.contract.plans import Plan
from quantum.contract.validation import IntentSchema, ValidationReport
from quantum.contract.versions import IntentDiff, IntentVersion, IntentVersionPage

if TYPE_CHECKING:  # who only looks at intents needs none of their models
    from quantum.client.resources.executions import Executions
    from quantum.contract.executions import Execution, ExecutionAccepted

type Json = Mapping[str, Any]


class Intents(Resource):
    """``id`` is a name (the active version) or an id such as ``deploy-v2`` (exactly that one)."""

    def __init__(self, transport: Transport, executions: "Callable[[], Executions]") -> None:
        super().__init__(transport)
        self._executions = executions

    async def create(
        self,
        name: str,
        definition: Json,
        *,
        description: str | None = None,
        labels: Mapping[str, str] | None = None,
        status: Literal["draft", "active"] | None = None,
        message: str | None = None,
        idempotency_key: str | None = None,
    ) -> Intent:
        body: dict[str, Any] = {"name": name, "definition": definition, "description": description}
        body |= {"labels": labels, "status": status, "message": message}
        return await self._change(Intent, "POST", path("intents"), body, key=idempotency_key)

    async def get(self, id: str) -> Intent:
        return await self._read(Intent, path("intents", id))

    def list(
        self,
        *,
        q: str | None = None,
        status: IntentStatus | None = None,
        label: Sequence[str] | None = None,
        action: str | None = None,
        created_by: str | None = None,
        updated_since: datetime | str | None = None,
        sort: IntentSort | None = None,
        facets: Sequence[IntentFacet] | None = None,
        limit: int | None = None,
    ) -> Listing[Intent, IntentPage]:
        """Those for which all conditions hold; ``label`` is like ``team:web``, ``limit`` is of one page."""
        params: dict[str, Any] = {
            "q": q,
            "status": status,
            "label": label,
            "action": action,
            "created_by": created_by,
        }
        params |= {"updated_since": updated_since, "sort": sort, "facets": facets, "limit": limit}
        return Listing(self._transport, Intent, IntentPage, path("intents"), given(params))

    async def update(
        self,
        name: str,
        definition: Json,
        *,
        description: str | None = None,
        labels: Mapping[str, str] | None = None,
        message: str | None = None,
        activate: bool | None = None,
        if_match: str | None = None,
    ) -> Intent:
        """A new version, unless the definition is the active one's.

        Args:
            name: of the intent.
            definition: the whole of it.
            description: what it is for; None: as before.
            labels: all of them; None: as before.
            message: what the version is about.
            activate: False: it is stored as a draft.
            if_match: the ``ETag`` of what you have seen, so that nobody else's change is lost. None: whatever
                there is now.
        """
        there = path("intents", name)
        body: dict[str, Any] = {
            "definition": definition,
            "description": description,
            "labels": labels,
            "message": message,
        }
        body |= {"activate": activate}
        return await self._change(Intent, "PUT", there, body, if_match=if_match or await self._etag(there))

    async def patch(self, name: str, changes: Json, *, if_match: str | None = None) -> Intent:
        """A JSON merge patch of status, description, labels, active_version, successor: None takes away."""
        headers = given({"If-Match": if_match})
        response = await self._transport.send("PATCH", path("intents", name), json=changes, headers=headers)
        return parsed(Intent, response)

    async def archive(self, name: str, *, if_match: str | None = None) -> None:
        await self._delete(path("intents", name), if_match=if_match)

    async def etag(self, id: str) -> str:
        """The state of it that there is now, for ``if_match``."""
        return await self._etag(path("intents", id))

    async def validate(self, intent: Json) -> ValidationReport:
        """Everything that is wrong with it; nothing is stored."""
        return await self._change(ValidationReport, "POST", path("intents", "validate"), intent)

    async def schema(self) -> dict[str, Any]:
        """The JSON Schema of an intent, with the actions of the tenant's own modules, for editors."""
        return (await self._read(IntentSchema, path("schemas", "tenant", "intent.json"))).root

    def versions(self, name: str, *, limit: int | None = None) -> Listing[IntentVersion, IntentVersionPage]:
        there = path("intents", name, "versions")
        return Listing(self._transport, IntentVersion, IntentVersionPage, there, given({"limit": limit}))

    async def version(self, name: str, number: int) -> Intent:
        return await self._read(Intent, path("intents", name, "versions", number))

    async def diff(self, name: str, *, old: int | None = None, new: int | None = None) -> IntentDiff:
        return await self._read(IntentDiff, path("intents", name, "diff"), **{"from": old, "to": new})

    async def rollback(
        self, name: str, version: int, *, message: str | None = None, if_match: str | None = None
    ) -> Intent:
        """A new version with that one's content."""
        body = {"version": version, "message": message}
        return await self._change(Intent, "POST", path("intents", name, "rollback"), body, if_match=if_match)

    async def plan(self, id: str, parameters: Json | None = None) -> Plan:
        """What executing it would do; its ``plan_hash`` binds an execution to what was reviewed."""
        return await self._change(Plan, "POST", path("intents", id, "plan"), {"parameters": parameters})

    async def execute(
        self,
        id: str,
        parameters: Json | None = None,
        *,
        plan_hash: str | None = None,
        dry_run: bool | None = None,
        idempotency_key: str | None = None,
    ) -> "ExecutionAccepted":
        """Start an execution. With a key of your own, it is one even if you ask again tomorrow."""
        from quantum.contract.executions import ExecutionAccepted  # as above

        body = {"parameters": parameters, "plan_hash": plan_hash, "dry_run": dry_run}
        there = path("intents", id, "execute")
        return await self._change(ExecutionAccepted, "POST", there, body, key=idempotency_key)

    async def execute_and_wait(
        self,
        id: str,
        parameters: Json | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # the execution goes on, so it is more than a scope
        plan_hash: str | None = None,
        dry_run: bool | None = None,
        idempotency_key: str | None = None,
    ) -> "Execution":
        """Execute it, and the execution when it has completed.

        Raises:
            ExecutionFailedError: it came to another end, which ``error.execution`` tells.
            WaitTimeoutError: it has not ended after ``timeout`` seconds, and goes on.
        """
        started = await self.execute(
            id, parameters, plan_hash=plan_hash, dry_run=dry_run, idempotency_key=idempotency_key
        )
        ended = await self._executions().wait(started.execution_id, timeout=timeout)
        if ended.status != "completed":
            raise ExecutionFailedError(ended)
        return ended
