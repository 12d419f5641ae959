"""The aggregate of an intent: how its documents are read, and the one way in which it changes.

A change is one transaction: the head, the version if there is a new one, the event and the audit record.
The head's etag decides who of several wins, so no number of a version is skipped or given twice.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from shared.domain import intents as rules
from shared.domain.canonical import content_hash
from shared.domain.errors import (
    ConflictError,
    DocumentExistsError,
    DocumentStaleError,
    FieldError,
    NotFoundError,
    StaleError,
    UnavailableError,
)
from shared.domain.intents import HEAD, Intent
from shared.domain.quotas import require_room
from shared.domain.references import held, referenced, references_from
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import REGISTRY, Create, Document, Documents, Operation, Replace
from shared.services.audit.chains import Act, Chain, Chains
from shared.services.callers import Caller
from shared.services.etags import QUOTES
from shared.services.receipts import Record, once
from shared.services.records import event
from shared.services.registry.references import References
from shared.services.registry.slots import Slots
from shared.services.tenancy.quotas import Room

MAX_TRIES: Final = 100
"""How often a change is decided anew because others were faster, where the caller asked for no state."""

_VERSIONED: Final = ("version", "definition", "content_hash", "created_at", "created_by", "message")
"""What the head has of its active version."""
_AUDITED: Final = (
    "name",
    "version",
    "latest_version",
    "description",
    "labels",
    "status",
    "successor",
    "content_hash",
    "latest_hash",
)
"""What an audit record tells of a head."""

type Body = Mapping[str, Any]
type IfMatch = Collection[str] | None
"""The etags of which the state must have one, or ``*``, which is any; None: nothing was asked."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be stored: the whole new ``head``, and perhaps a version.

    Attributes:
        action: how the audit record calls it.
        event: the type of the event that tells of it, and ``told`` what the event carries beside the
            name and the active version.
        operations: on other documents of the partition.
        warnings: for the caller.
    """

    action: str
    event: str
    head: Body
    version: Body | None = None
    told: Body = field(default_factory=dict[str, Any])
    operations: Sequence[Operation] = ()
    warnings: Sequence[FieldError] = ()


type Decision = Callable[[Body], Awaitable[Change | None]]
"""From the present head to what it becomes; None: it may stay as it is."""


class Registry:
    """Reads and changes intents, in the caller's tenant only."""

    def __init__(
        self,
        *,
        documents: Documents,
        chains: Chains,
        references: References,
        room: Room,
        slots: Slots,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._chains = chains
        self._references = references
        self._room = room
        self._slots = slots
        self._clock = clock

    async def head(self, caller: Caller, name: str) -> Document:
        """The head of the intent.

        Raises:
            NotFoundError: the tenant has none of that name.
        """
        if not rules.name_errors(name):
            head = await self._documents.read(caller.scope, container=REGISTRY, partition=name, id=HEAD)
            if head is not None:
                return head
        reference = rules.Reference.parse(name)
        hint = "; leave the version off its name" if reference and reference.version else ""
        raise NotFoundError(f"There is no intent {name!r}{hint}")

    async def version(self, caller: Caller, head: Body, number: int) -> Body:
        """The document of a version, or the head where that has all of it.

        Raises:
            NotFoundError: the intent has no such version.
        """
        if number == head["version"]:
            return head
        found = await self._documents.read(
            caller.scope, container=REGISTRY, partition=head["name"], id=rules.version_document_id(number)
        )
        if found is None:
            raise NotFoundError(f"There is no version {number} of the intent {head['name']!r}")
        return found.body

    async def create(self, caller: Caller, change: Change) -> Intent:
        """Store an intent of a new name.

        Raises:
            ConflictError: the name is taken.
            QuotaExceededError: there are as many intents as there may be.
        """
        try:
            return await self._commit(caller, None, change)
        except DocumentExistsError as error:
            raise ConflictError(f"There is an intent named {change.head['name']!r} already") from error

    async def change(
        self, caller: Caller, name: str, decide: Decision, *, if_match: IfMatch = None
    ) -> Intent:
        """Change the intent as ``decide`` says; who was not fast enough decides again, or is told so.

        Raises:
            NotFoundError: there is no such intent.
            StaleError: its state is, or when it was to be written was, none of ``if_match``.
            UnavailableError: others changed it again and again.
        """
        return await self.once(caller, name, self._change(caller, name, decide, if_match))

    async def once(self, caller: Caller, name: str, work: Awaitable[Intent]) -> Intent:
        """What ``work`` makes of the intent; or made of it, where the caller's request was done before."""

        async def done(record: Record) -> Intent:
            before, after = record["before"] or {}, record["after"]
            made = after["latest_version"] != before.get("latest_version")
            head = await self.head(caller, name)
            number = after["latest_version" if made else "version"]
            return intent(head, await self.version(caller, head.body, number))

        if rules.name_errors(name):
            return await work
        chain = Chain(caller.scope, REGISTRY, name)
        return await once(self._documents, chain, caller.turn, work, done=done)

    async def _change(self, caller: Caller, name: str, decide: Decision, if_match: IfMatch) -> Intent:
        conditional = if_match is not None and "*" not in if_match
        for _ in range(MAX_TRIES):
            head = await self.head(caller, name)
            if conditional and head.etag.strip(QUOTES) not in (if_match or ()):
                raise StaleError
            change = await decide(head.body)
            if change is None:
                return intent(head)
            try:
                return await self._commit(caller, head, change)
            except (DocumentStaleError, DocumentExistsError) as error:
                if conditional and error.index == 0:
                    raise StaleError from error
                if caller.turn and isinstance(error, DocumentExistsError):
                    raise  # its own receipt, as a rule
        raise UnavailableError(f"The intent {name!r} is being changed by many at once; try again")

    async def _commit(self, caller: Caller, old: Document | None, change: Change) -> Intent:
        now = self._clock.now()
        head = {**change.head, "updated_at": rfc3339(now)}
        await self._require_versions(caller, change)
        added = _added(old.body if old else None, head)
        places = referenced(change.version["definition"]) if added and change.version else {}
        hold = await self._references.hold(caller.scope, head["name"], added, places=places)
        before = _audited(old.body) if old else None
        act = Act(change.action, caller.origin, before, _audited(head))
        link = old.body["audit"] if old else None
        entry = self._chains.add(Chain(caller.scope, REGISTRY, head["name"]), link, act, now=now)
        head["audit"] = entry.link
        told = {"name": head["name"], "version": head["version"], **change.told}
        number = entry.link["number"]
        operations = [
            Replace(head, if_match=old.etag) if old else Create(head),
            *([Create(change.version)] if change.version else []),
            Create(event(key=str(number), type=change.event, now=now, data=told)),
            *entry.operations,
            *change.operations,
        ]
        was, will = old is not None and _lives(old.body), _lives(head)
        async with self._slots.moving(caller.scope, head["name"], was=was, will=will) as move:
            hold.require_fresh()
            move.require_fresh()
            stored = await self._documents.transact(
                caller.scope, container=REGISTRY, partition=head["name"], operations=operations
            )
        await hold.settle(number)
        document = stored[0]
        assert document is not None  # neither a create nor a replace gives nothing back
        return replace(intent(document, change.version), warnings=change.warnings)

    async def _require_versions(self, caller: Caller, change: Change) -> None:
        """Let pass a change that makes no version more than there may be."""
        if change.version is not None:
            limit = await self._room.limit(caller.scope, "versions")
            remedy = "go on under another name"
            of = f"The intent {change.head['name']!r}"
            require_room("versions", change.version["version"] - 1, limit, remedy=remedy, of=of)


def new_version(
    head: Body, definition: Body, *, by: str, at: str, message: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The next version's document, and the head with it as its latest; the active one stays."""
    number = head.get("latest_version", 0) + 1
    version = {
        "id": rules.version_document_id(number),
        "kind": "version",
        "version": number,
        "definition": definition,
        "content_hash": content_hash(definition),
        "created_at": at,
        "created_by": by,
        "message": message,
    }
    references = {**head.get("references", {}), str(number): sorted(referenced(definition))}
    return version, {
        **head,
        "latest_version": number,
        "latest_hash": version["content_hash"],
        "references": {key: names for key, names in references.items() if names},
    }


def activated(head: Body, version: Body) -> dict[str, Any]:
    """The head with ``version`` as its active one."""
    active = {**head, **{name: version[name] for name in _VERSIONED}}
    return described(active) | {"references": references_from(head["references"], version["version"])}


def described(head: Body) -> dict[str, Any]:
    """The head with all that it is searched by."""
    return {
        **head,
        **rules.search_fields(
            name=head["name"],
            description=head["description"],
            labels=head["labels"],
            definition=head["definition"],
        ),
    }


def intent(head: Document, version: Body | None = None) -> Intent:
    """What the head says of the intent and a version's document (or the head, of its own) of the version."""
    body, of = head.body, version or head.body
    return Intent(
        name=body["name"],
        version=of["version"],
        tenant_id=body["tenant_id"],
        description=body["description"],
        labels=body["labels"],
        status=body["status"],
        definition=of["definition"],
        content_hash=of["content_hash"],
        created_at=of["created_at"],
        created_by=of["created_by"],
        updated_at=body["updated_at"],
        etag=head.etag.strip(QUOTES),
        active_version=body["version"],
        latest_version=body["latest_version"],
        message=of["message"],
        successor=body["successor"],
        deprecated_at=body["deprecated_at"],
    )


def _audited(head: Body) -> dict[str, Any]:
    return {name: head[name] for name in _AUDITED}


def _lives(head: Body) -> bool:
    return bool(head["status"] != "archived")


def _added(old: Body | None, new: Body) -> frozenset[str]:
    """The intents that it refers to now and did not before; what is archived refers to none."""
    if not _lives(new):
        return frozenset()
    live = old is not None and _lives(old)
    return held(new["references"]) - (held(old["references"]) if old and live else frozenset())
