"""The versions of intents: every change of a definition is a new one, and none is ever changed or lost."""

import asyncio
from typing import Any

from shared.domain.canonical import content_hash
from shared.domain.diffs import Diff, diff
from shared.domain.errors import BadRequestError, IfMatchRequiredError
from shared.domain.intents import Intent, NewVersion
from shared.domain.lifecycle import require_writable
from shared.domain.paging import Cursors
from shared.domain.times import rfc3339
from shared.domain.validation.subject import Sent
from shared.ports.clock import Clock
from shared.ports.documents import REGISTRY, Documents, Query
from shared.services.callers import Caller
from shared.services.registry.registry import (
    Body,
    Change,
    IfMatch,
    Registry,
    activated,
    described,
    intent,
    new_version,
)
from shared.services.registry.validation import Validation


class Versions:
    """Use cases of versions. Each method acts for ``caller`` in the caller's tenant only."""

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

    async def put(self, caller: Caller, name: str, new: NewVersion, *, if_match: IfMatch) -> Intent:
        """Make the intent what ``new`` says: a new version, unless it is that already.

        The result is the version that has this definition.

        Raises:
            IfMatchRequiredError: ``if_match`` is None.
            StaleError: the intent's etag is none of ``if_match``.
            NotFoundError: there is no such intent.
            ConflictError: it is archived.
            ValidationFailedError: it breaks rules; all of them are listed.
        """

        async def decide(head: Body) -> Change | None:
            if if_match is None:
                raise IfMatchRequiredError
            require_writable(name, head["status"])
            sent = Sent(new.definition, None, new.description, new.labels)
            await self._validation.require(caller, sent)
            return await self._put(caller, head, new)

        changed = await self._registry.change(caller, name, decide, if_match=if_match)
        if not new.activate and changed.version == changed.active_version:
            return await self.get(caller, name, changed.latest_version)
        return changed

    async def _put(self, caller: Caller, head: Body, new: NewVersion) -> Change | None:
        """What becomes of the head: a new version, a draft put to use, other words, or nothing."""
        made: dict[str, Any] | None = None
        after = {
            **head,
            "description": head["description"] if new.description is None else new.description,
            "labels": head["labels"] if new.labels is None else dict(new.labels),
        }
        told = [field for field in ("description", "labels") if after[field] != head[field]]
        content = content_hash(new.definition)
        if content not in {head["latest_hash"], head["content_hash"] if new.activate else None}:
            made, after = new_version(
                after,
                new.definition,
                by=caller.principal.name,
                at=rfc3339(self._clock.now()),
                message=new.message,
            )
        if new.activate and content != head["content_hash"]:
            version = made or await self._registry.version(caller, head, head["latest_version"])
            after = activated(after, version)
        elif told:
            after = described(after)
        if made is None and not told and after["version"] == head["version"]:
            return None
        if made or after["version"] != head["version"]:
            told.append("definition" if after["version"] != head["version"] else "draft")
        return Change(
            "intent.update",
            "intent_updated",
            after,
            made,
            told={"changed": sorted(told), "latest_version": after["latest_version"]},
        )

    async def rollback(
        self, caller: Caller, name: str, number: int, *, message: str | None, if_match: IfMatch = None
    ) -> Intent:
        """Make the content of version ``number`` that of a new active version, unless it is that already.

        Raises:
            StaleError: the intent's etag is none of ``if_match``.
            NotFoundError: there is no such intent or version.
            ConflictError: it is archived.
            ValidationFailedError: that content breaks the rules of today.
        """

        async def decide(head: Body) -> Change | None:
            require_writable(name, head["status"])
            old = await self._registry.version(caller, head, number)
            if old["content_hash"] == head["content_hash"]:
                return None
            await self._validation.require(caller, Sent(old["definition"]))
            version, after = new_version(
                head,
                old["definition"],
                by=caller.principal.name,
                at=rfc3339(self._clock.now()),
                message=message,
            )
            return Change(
                "intent.rollback",
                "intent_rolled_back",
                activated(after, version),
                version,
                told={"to": number, "from": head["version"]},
            )

        return await self._registry.change(caller, name, decide, if_match=if_match)

    async def get(self, caller: Caller, name: str, number: int) -> Intent:
        """That version of the intent.

        Raises:
            NotFoundError: there is no such intent or version.
        """
        head = await self._registry.head(caller, name)
        return intent(head, await self._registry.version(caller, head.body, number))

    async def list(
        self, caller: Caller, name: str, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Intent], str | None]:
        """A page of the intent's versions, the newest first, and the cursor of the next page.

        Raises:
            NotFoundError: there is no such intent.
            BadCursorError: ``cursor`` was not made by this list.
        """
        head = await self._registry.head(caller, name)
        of = [caller.scope.tenant_id, "versions", name]
        query = Query(
            REGISTRY,
            "version",
            partition=name,
            order=[(("version",), "desc")],
            limit=limit,
            after=None if cursor is None else self._cursors.open(cursor, of=of),
        )
        page = await self._documents.query(caller.scope, query)
        following = None if page.after is None else self._cursors.seal(page.after, of=of)
        return [intent(head, document.body) for document in page.items], following

    async def diff(self, caller: Caller, name: str, *, old: int | None, new: int | None) -> Diff:
        """What changed from version ``old`` (None: the one before ``new``) to ``new`` (None: the latest).

        Raises:
            NotFoundError: there is no such intent or version.
            BadRequestError: version 1 has none before it.
        """
        head = (await self._registry.head(caller, name)).body
        to = head["latest_version"] if new is None else new
        since = to - 1 if old is None else old
        if since < 1:
            raise BadRequestError("Version 1 has none before it; say with `from` what to compare it with")
        before, after = await asyncio.gather(
            self._registry.version(caller, head, since), self._registry.version(caller, head, to)
        )
        # On a thread: two definitions of the largest size take a while.
        return await asyncio.to_thread(diff, name, (since, before["definition"]), (to, after["definition"]))
