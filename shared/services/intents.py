"""The intent registry: create, get and list intents within a tenant."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from shared.domain import intents as rules
from shared.domain.canonical import content_hash
from shared.domain.errors import (
    ConflictError,
    DocumentExistsError,
    NotFoundError,
)
from shared.domain.intents import HEAD, Intent, IntentFilter, NewIntent, Reference
from shared.domain.paging import Cursors
from shared.domain.times import rfc3339
from shared.domain.validation.subject import Sent
from shared.ports.clock import Clock
from shared.ports.documents import REGISTRY, Create, Document, Documents, Query, Where
from shared.services.chains import Act, Chain, Chains
from shared.services.members import Caller
from shared.services.records import event
from shared.services.validation import Validation


class Intents:
    """Use cases of intents. Each method acts for ``caller`` in the caller's tenant only."""

    def __init__(
        self, *, documents: Documents, chains: Chains, validation: Validation, cursors: Cursors, clock: Clock
    ) -> None:
        self._documents = documents
        self._chains = chains
        self._validation = validation
        self._cursors = cursors
        self._clock = clock

    async def create(self, caller: Caller, new: NewIntent) -> Intent:
        """Store version 1 of a new name, with its event and audit record, in one transaction.

        Raises:
            ValidationFailedError: it breaks rules; all of them are listed.
            ConflictError: the name is taken.
        """
        sent = Sent(new.definition, new.name, new.description, new.labels)
        await self._validation.require(caller, sent)
        now = self._clock.now()
        version = _version(new, by=caller.principal.name, at=rfc3339(now))
        head = _head(new, version)
        told = event(key="1", type="intent_created", now=now, data={"version": 1, "name": new.name})
        act = Act("intent.create", caller.origin, None, {name: head[name] for name in _AUDITED})
        entry = self._chains.add(Chain(caller.scope, REGISTRY, new.name), None, act, now=now)
        head["audit"] = entry.link
        try:
            stored = await self._documents.transact(
                caller.scope,
                container=REGISTRY,
                partition=new.name,
                operations=[Create(head), Create(version), Create(told), entry.operation],
            )
        except DocumentExistsError as error:
            raise ConflictError(f"There is an intent named {new.name!r} already") from error
        document = stored[0]
        assert document is not None  # a create gives back what it stored
        return _intent(document, document.body)

    async def get(self, caller: Caller, id: str) -> Intent:
        """The active version of the intent of that name, or exactly the version that a full id names.

        Raises:
            NotFoundError: the tenant has no such intent or version.
        """
        reference = Reference.parse(id)
        if reference is None:
            raise _missing(id)
        head = await self._read(caller, reference.name, HEAD)
        if head is None:
            raise _missing(id)
        if reference.version is None or reference.version == head.body["version"]:
            return _intent(head, head.body)
        document_id = rules.version_document_id(reference.version)
        version = await self._read(caller, reference.name, document_id)
        if version is None:
            raise _missing(id)
        return _intent(head, version.body)

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
        return [_intent(document, document.body) for document in page.items], following

    async def _read(self, caller: Caller, name: str, id: str) -> Document | None:
        return await self._documents.read(caller.scope, container=REGISTRY, partition=name, id=id)


_AUDITED = ("name", "version", "description", "labels", "status", "content_hash")
_VERSIONED = ("version", "definition", "content_hash", "created_at", "created_by")


def _version(new: NewIntent, *, by: str, at: str) -> dict[str, Any]:
    return {
        "id": rules.version_document_id(1),
        "kind": "version",
        "version": 1,
        "definition": new.definition,
        "content_hash": content_hash(new.definition),
        "created_at": at,
        "created_by": by,
    }


def _head(new: NewIntent, version: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: version[name] for name in _VERSIONED},
        "id": HEAD,
        "kind": "intent",
        "name": new.name,
        "description": new.description,
        "labels": dict(new.labels),
        "status": new.status,
        "updated_at": version["created_at"],
        "actions": rules.actions_of(new.definition),
        "search": _search_text(new),
    }


def _search_text(new: NewIntent) -> str:
    """What ``IntentFilter.text`` looks in: one field, because a query's conditions must all hold."""
    labels = (f"{key}:{value}" for key, value in new.labels.items())
    return "\n".join([new.name, new.description, *labels])


def _conditions(matching: IntentFilter) -> list[Where]:
    conditions = [Where(("labels", key), "=", value) for key, value in matching.labels]
    if matching.text is not None:
        conditions.append(Where(("search",), "text", matching.text))
    if matching.status is not None:
        conditions.append(Where(("status",), "=", matching.status))
    if matching.action is not None:
        conditions.append(Where(("actions",), "contains", matching.action))
    if matching.created_by is not None:
        conditions.append(Where(("created_by",), "=", matching.created_by))
    return conditions


def _intent(head: Document, version: Mapping[str, Any]) -> Intent:
    """What the head says of the intent and a version's document (or the head, of its own) of the version."""
    body = head.body
    return Intent(
        name=body["name"],
        version=version["version"],
        tenant_id=body["tenant_id"],
        description=body["description"],
        labels=body["labels"],
        status=body["status"],
        definition=version["definition"],
        content_hash=version["content_hash"],
        created_at=version["created_at"],
        created_by=version["created_by"],
        updated_at=body["updated_at"],
        etag=head.etag,
    )


def _missing(id: str) -> NotFoundError:
    return NotFoundError(f"There is no intent {id!r}")
