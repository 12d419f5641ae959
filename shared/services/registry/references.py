"""References between intents, kept whole: what is referred to is there, and none runs itself in a circle.

Intents are partitions of their own, and no transaction spans two. So each intent that others refer to has
a document ``referrers`` in its partition: who refers to it, and whether it may be referred to (``open``).
Who is about to store a reference

1. registers at each intent that it is going to refer to, which fails where that is archived,
2. looks for itself among its own referrers, theirs, and so on: all that write at once have registered
   before they look, so of those who would close a circle together at least one sees it,
3. stores its head, and says then in its entries with which of its changes.

Who archives an intent closes its ``referrers`` in the same transaction, under the condition that nobody has
registered since it looked at each. An entry is taken as a reference until the referrer's head, in a state not
older than the entry, shows that it is none. A process that is no session's sees old states, so steps 1 and 2
read by writing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

from shared.domain.errors import (
    DocumentError,
    DocumentExistsError,
    DocumentMissingError,
    DocumentStaleError,
    FieldError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.ids import ulid_time
from shared.domain.intents import HEAD
from shared.domain.references import held
from shared.ports.clock import Clock, Ids
from shared.ports.documents import REGISTRY, Create, Document, Documents, Operation, Patch, Replace
from shared.security.scope import TenantScope

REFERRERS: Final = "referrers"
"""The id of the document that says who refers to the intent.

``names`` has for each what it said last: a ULID when it registered, the number of its change when it had
stored that (its audit record's).
"""
UNDER_WAY: Final = timedelta(minutes=1)
"""How long a registered writer is taken to be storing its reference still."""
MAX_HOLD: Final = timedelta(seconds=30)
"""How long it allows itself for that; the rest is for clocks that differ."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The entries of a writer at what it is about to refer to."""

    documents: Documents
    clock: Clock
    scope: TenantScope
    referrer: str
    targets: Sequence[str]
    token: str

    def require_fresh(self) -> None:
        """Let pass who is in time.

        Raises:
            UnavailableError: it took so long that the entries may count for nothing.
        """
        if self.targets and self.clock.now() - ulid_time(self.token) > MAX_HOLD:
            raise UnavailableError

    async def settle(self, number: int) -> None:
        """Say that the references are stored, by the change of that number.

        Where that fails they count all the same, until they are looked at.
        """
        for target in self.targets:
            said = Patch(
                REFERRERS,
                set={("names", self.referrer): number},
                where={("names", self.referrer): self.token},
            )
            try:
                await self.documents.transact(
                    self.scope, container=REGISTRY, partition=target, operations=[said]
                )
            except (DocumentError, UnavailableError):
                continue


class References:
    """Who refers to whom, in one tenant."""

    def __init__(self, documents: Documents, clock: Clock, ids: Ids) -> None:
        self._documents = documents
        self._clock = clock
        self._ids = ids

    async def hold(
        self, scope: TenantScope, name: str, targets: Collection[str], *, places: Mapping[str, str]
    ) -> Hold:
        """Register ``name`` at each of the intents ``targets``, which it is about to refer to.

        ``places`` says where a version names them, for the errors; what none names is restored.

        Raises:
            ValidationFailedError: one is not there or archived, or a circle would close.
        """
        token = self._ids.new() if targets else ""
        hold = Hold(self._documents, self._clock, scope, name, sorted(targets), token)
        if not targets:
            return hold

        def error(target: str, code: str, message: str) -> FieldError:
            return FieldError(places.get(target, "/status"), code, message)

        async def each(look: Callable[[str], Awaitable[tuple[str, str] | None]]) -> list[FieldError]:
            found = await asyncio.gather(*map(look, hold.targets))
            return [error(target, *one) for target, one in zip(hold.targets, found, strict=True) if one]

        async def circles(*, fresh: bool) -> list[FieldError]:
            found = await self._circles(scope, name, targets, fresh=fresh)
            return [error(target, "CYCLE", _circle(path)) for target, path in found.items()]

        # Without a trace first, so that a mere mistake keeps nobody from anything.
        errors = await each(partial(self._refusal, scope)) or await circles(fresh=False)
        if not errors:
            errors = await each(partial(self._register, scope, name, token)) or await circles(fresh=True)
        if errors:
            raise ValidationFailedError(errors=errors)
        return hold

    async def referrers(self, scope: TenantScope, name: str) -> list[str]:
        """The intents that refer to ``name`` now, or may be about to."""
        document = await self._read(scope, name, REFERRERS)
        return await self._live(scope, name, document.body["names"] if document else {})

    async def closing(self, scope: TenantScope, name: str) -> tuple[list[str], Operation]:
        """Who refers to ``name``, and the operation that lets nobody else, if nobody has since."""
        document = await self._read(scope, name, REFERRERS)
        live = await self._live(scope, name, document.body["names"] if document else {})
        body = _referrers(open=False)
        return live, Replace(body, if_match=document.etag) if document else Create(body)

    @staticmethod
    def opening() -> Operation:
        """The operation that lets others refer to an intent again that was closed."""
        return Patch(REFERRERS, set={("open",): True})

    async def _refusal(self, scope: TenantScope, target: str) -> tuple[str, str] | None:
        """Why ``target`` cannot be referred to: a code and a message."""
        head = await self._read(scope, target, HEAD)
        if head is None:
            return "UNKNOWN_INTENT", f"there is no intent {target!r} to run; create it first"
        return _archived(target) if head.body["status"] == "archived" else None

    async def _register(
        self, scope: TenantScope, name: str, token: str, target: str
    ) -> tuple[str, str] | None:
        """Enter ``name`` at ``target``; or why it cannot be: it was closed meanwhile."""
        entry = Patch(REFERRERS, set={("names", name): token}, where={("open",): True})
        first = Create(_referrers(open=True, names={name: token}))
        for operation in (entry, first, entry):
            try:
                await self._documents.transact(
                    scope, container=REGISTRY, partition=target, operations=[operation]
                )
            except DocumentStaleError:
                return _archived(target)
            except (DocumentMissingError, DocumentExistsError):
                continue
            return None
        raise UnavailableError  # it cannot be missing after it was there

    async def _circles(
        self, scope: TenantScope, name: str, targets: Collection[str], *, fresh: bool
    ) -> dict[str, list[str]]:
        """Those of ``targets`` that lead back to ``name``, each with the way, along those who refer to it."""
        towards: dict[str, str] = {}
        level = [name]
        while level:
            found = await asyncio.gather(*(self._referring(scope, one, fresh=fresh) for one in level))
            following: list[str] = []
            for one, referrers in zip(level, found, strict=True):
                following += [referrer for referrer in referrers if referrer not in towards]
                towards |= {referrer: one for referrer in referrers if referrer not in towards}
            level = following
        return {target: _way(name, target, towards) for target in sorted(targets) if target in towards}

    async def _referring(self, scope: TenantScope, name: str, *, fresh: bool) -> list[str]:
        if not fresh:
            return await self.referrers(scope, name)
        look = Patch(REFERRERS, increment={("looks",): 1})  # what it gives back is no old state
        try:
            (document,) = await self._documents.transact(
                scope, container=REGISTRY, partition=name, operations=[look]
            )
        except DocumentMissingError:
            return []
        assert document is not None  # a patch gives back what it stored
        return await self._live(scope, name, document.body["names"])

    async def _live(self, scope: TenantScope, name: str, entries: Mapping[str, Any]) -> list[str]:
        """Those of ``entries`` that must be taken as referring to ``name``."""
        found = await asyncio.gather(
            *(self._refers(scope, referrer, name, entry) for referrer, entry in entries.items())
        )
        return sorted(referrer for referrer, refers in zip(entries, found, strict=True) if refers)

    async def _refers(self, scope: TenantScope, referrer: str, name: str, entry: str | int) -> bool:
        if isinstance(entry, str) and self._clock.now() - ulid_time(entry) < UNDER_WAY:
            return True
        head = await self._read(scope, referrer, HEAD)
        if isinstance(entry, int) and (head is None or head.body["audit"]["number"] < entry):
            return True  # this is an older state than the one that the entry is of
        if head is None or head.body["status"] == "archived":
            return False
        return name in held(head.body["references"])

    async def _read(self, scope: TenantScope, name: str, id: str) -> Document | None:
        return await self._documents.read(scope, container=REGISTRY, partition=name, id=id)


def _archived(target: str) -> tuple[str, str]:
    return "ARCHIVED", f"the intent {target!r} is archived; restore it first, or run another"


def _referrers(*, open: bool, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {"id": REFERRERS, "kind": REFERRERS, "open": open, "names": dict(names or {}), "looks": 0}


def _way(name: str, target: str, towards: Mapping[str, str]) -> list[str]:
    way = [name, target]
    while way[-1] != name:
        way.append(towards[way[-1]])
    return way


def _circle(way: Sequence[str]) -> str:
    return f"the intents would run each other in a circle: {' → '.join(way)}"
