"""The intent registry: create, get and list intents within a tenant."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict

from shared.domain.errors import NotFoundError
from shared.domain.intents import (
    FACET_VALUES,
    FACETS,
    HEAD,
    Facet,
    Intent,
    IntentFilter,
    NewIntent,
    Reference,
)
from shared.domain.paging import Cursors
from shared.domain.times import rfc3339
from shared.domain.validation.subject import Sent
from shared.ports.clock import Clock
from shared.ports.documents import REGISTRY, Documents, Query, Where
from shared.services.callers import Caller
from shared.services.registry.registry import Change, Registry, activated, intent, new_version
from shared.services.registry.validation import Validation


class Intents:
    """Use cases of intents. Each method acts for ``caller`` in the caller's tenant only."""

    def __init__(
        self,
        *,
        documents: Documents,
        registry: Registry,
        validation: Validation,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._registry = registry
        self._validation = validation
        self._cursors = cursors
        self._clock = clock

    async def create(self, caller: Caller, new: NewIntent) -> Intent:
        """Store version 1 of a new name, with its event and audit record, in one transaction.

        Raises:
            ValidationFailedError: it breaks rules; all of them are listed.
            ConflictError: the name is taken.
        """
        return await self._registry.once(caller, new.name, self._create(caller, new))

    async def _create(self, caller: Caller, new: NewIntent) -> Intent:
        sent = Sent(new.definition, new.name, new.description, new.labels)
        await self._validation.require(caller, sent)
        now = rfc3339(self._clock.now())
        head = {
            "id": HEAD,
            "kind": "intent",
            "name": new.name,
            "description": new.description,
            "labels": dict(new.labels),
            "status": new.status,
            "successor": None,
            "deprecated_at": None,
        }
        version, head = new_version(
            head, new.definition, by=caller.principal.name, at=now, message=new.message
        )
        change = Change("intent.create", "intent_created", activated(head, version), version)
        return await self._registry.create(caller, change)

    async def get(self, caller: Caller, id: str) -> Intent:
        """The active version of the intent of that name, or exactly the version that a full id names.

        Raises:
            NotFoundError: the tenant has no such intent or version.
        """
        reference = Reference.parse(id)
        if reference is None:
            raise _missing(id)
        head = await self._registry.head(caller, reference.name)
        number = reference.version or head.body["version"]
        return intent(head, await self._registry.version(caller, head.body, number))

    async def list(
        self, caller: Caller, matching: IntentFilter, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Intent], str | None]:
        """A page of the tenant's intents (their active versions), and the cursor of the next page.

        Raises:
            BadCursorError: ``cursor`` was not made by this list with this filter.
        """
        of = [caller.scope.tenant_id, "intents", asdict(matching)]
        descending = matching.sort.startswith("-")
        page = await self._documents.query(
            caller.scope,
            Query(
                REGISTRY,
                "intent",
                where=_conditions(matching),
                order=[((matching.sort.removeprefix("-"),), "desc" if descending else "asc")],
                limit=limit,
                after=None if cursor is None else self._cursors.open(cursor, of=of),
            ),
        )
        following = None if page.after is None else self._cursors.seal(page.after, of=of)
        return [intent(document) for document in page.items], following

    async def facets(self, caller: Caller, matching: IntentFilter, names: Iterable[str]) -> dict[str, Facet]:
        """How many intents of a list have each status, label, action or author: ``names`` of ``FACETS``."""
        query = Query(REGISTRY, "intent", where=_conditions(matching), limit=FACET_VALUES)
        wanted = list(dict.fromkeys(names))
        counted = await asyncio.gather(
            *(
                self._documents.count(caller.scope, query, by=(field,), each=each)
                for field, each in (FACETS[name] for name in wanted)
            )
        )
        return {name: Facet(one.values, one.more) for name, one in zip(wanted, counted, strict=True)}


def _conditions(matching: IntentFilter) -> list[Where]:
    conditions = [Where(("label_pairs",), "contains", label) for label in matching.labels]
    conditions += [Where(("search",), "text", word) for word in (matching.text or "").split()]
    if matching.updated_since is not None:
        conditions.append(Where(("updated_at",), ">=", matching.updated_since))
    if matching.status is not None:
        conditions.append(Where(("status",), "=", matching.status))
    if matching.action is not None:
        conditions.append(Where(("actions",), "contains", matching.action))
    if matching.created_by is not None:
        conditions.append(Where(("created_by",), "=", matching.created_by))
    return conditions


def _missing(id: str) -> NotFoundError:
    return NotFoundError(f"There is no intent {id!r}")
