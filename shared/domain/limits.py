"""Limits of how many executions run at a time, and the queue of those that wait for their turn.

A tenant has one :class:`Book`. Executions whose intent has a limit of its own stand in that intent's
:class:`Line`; all others stand in one line that has no limit. Each has a ticket with a number, given in the
order of acceptance. A line is *open* while its first may go as far as the line is concerned: so the tenant's
next is the first of that open line whose first has the lowest number, and a line that is full holds up nobody
else.

The executions that another execution has started, its *children*, never wait for the tenant: what started
them holds a slot until they have ended, and would wait for ever. For the same reason they go before the
others of their line, which may themselves be waiting for the tenant.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, Self

from shared.domain.children import Lineage
from shared.domain.definitions import Concurrency

type TicketStatus = Literal["queued", "child", "admitted"]
"""``child``: a child that waits for its intent's limit."""
type LineStatus = Literal["open", "child", "closed"]
"""Who of a line may go, as far as the line is concerned: its first, a child first, or nobody."""

SHARED: Final = ""
"""The line of all executions whose intents have no limit."""


@dataclass(frozen=True, slots=True)
class Book:
    """A tenant's count of its executions. ``limit`` None: the tenant has none.

    Attributes:
        next: the number of the next ticket.
        running: executions that hold one of the tenant's slots; children hold none.
        waiting: executions of any line that wait.
        open: lines that are ``open``.
        children: lines where a ``child`` may go.
    """

    limit: int | None
    next: int = 1
    running: int = 0
    waiting: int = 0
    open: int = 0
    children: int = 0

    @property
    def free(self) -> int | None:
        """How many slots are free; None: any number."""
        return None if self.limit is None else max(0, self.limit - self.running)

    @property
    def serves(self) -> LineStatus:
        """The status of the lines of which somebody may go now."""
        if self.children:
            return "child"
        return "open" if self.open and self.free != 0 else "closed"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{name: data[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Line:
    """Those of one intent that run and wait.

    Attributes:
        intent: the intent's name, or ``SHARED``.
        limit: how many of them may run; None: any number.
        version: of the intent that said so: the newest that was executed.
        queued: how many wait that are no children.
        children: how many children wait.
        number: of the first ticket that is queued; 0: none is.
    """

    intent: str
    limit: int | None = None
    version: int = 0
    running: int = 0
    queued: int = 0
    children: int = 0
    number: int = 0

    @property
    def free(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.running)

    @property
    def status(self) -> LineStatus:
        if self.free == 0:
            return "closed"
        if self.children:
            return "child"
        return "open" if self.queued else "closed"

    @property
    def empty(self) -> bool:
        return not (self.running or self.queued or self.children)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{name: data[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Claim:
    """What an execution asks for when it is accepted.

    Attributes:
        line: its intent's name if the intent has a limit, else ``SHARED``.
        limit: that limit, which ``version`` of the intent says.
        refuse: whether it would rather be refused than wait for its intent's limit.
        child: whether another execution has started it.
    """

    line: str = SHARED
    limit: int | None = None
    version: int = 0
    refuse: bool = False
    child: bool = False


def claim_of(
    intent_id: str, concurrency: Concurrency | None, lineage: Lineage | None, *, tenant_limited: bool
) -> Claim | None:
    """What an execution of that version of an intent asks for; None: no limit is about it.

    A child below an execution of the same intent asks for nothing: what it belongs to has a place, and would
    wait for ever.
    """
    name, version = _named(intent_id)
    above = {_named(one)[0] for one in lineage.intents} if lineage else set[str]()
    if concurrency is None or name in above:
        return Claim() if tenant_limited and not lineage else None
    refuse = concurrency.policy == "refuse"
    return Claim(name, concurrency.limit, version, refuse, child=lineage is not None)


def _named(intent_id: str) -> tuple[str, int]:
    name, _, version = intent_id.rpartition("-v")
    return name, int(version)


@dataclass(frozen=True, slots=True)
class Counter:
    """A tenant's book and one of its lines, which change together."""

    book: Book
    line: Line

    def places(self, *, child: bool) -> int:
        """How many of the line may go now."""
        waiting = self.line.children if child else self.line.queued
        slots = [self.line.free, None if child else self.book.free]
        return min([waiting, *(free for free in slots if free is not None)])

    def limited(self, claim: Claim) -> Self:
        """With the limit that the newest version says."""
        if claim.version < self.line.version:
            return self
        return self._with(replace(self.line, limit=claim.limit, version=claim.version))

    def entered(self, claim: Claim) -> tuple[Self, TicketStatus] | None:
        """With one more, whose ticket has the book's next number; None: it is refused."""
        line, book = self.line, self.book
        if claim.refuse and line.limit is not None:
            asked = line.running + line.queued + line.children
            if asked >= line.limit:
                return None
        numbered = replace(book, next=book.next + 1)
        if line.free != 0 and not line.children:
            if claim.child:
                return self._with(replace(line, running=line.running + 1), numbered), "admitted"
            if not line.queued and not book.open and book.free != 0:
                line = replace(line, running=line.running + 1)
                return self._with(line, replace(numbered, running=book.running + 1)), "admitted"
        numbered = replace(numbered, waiting=book.waiting + 1)
        if claim.child:
            return self._with(replace(line, children=line.children + 1), numbered), "child"
        line = replace(line, queued=line.queued + 1, number=line.number or book.next)
        return self._with(line, numbered), "queued"

    def admitted(self, count: int, *, child: bool, following: int) -> Self:
        """With the first ``count`` of those that wait let go.

        ``following`` is the number of the first queued one behind them, or 0.
        """
        line = replace(self.line, running=self.line.running + count)
        book = replace(self.book, waiting=self.book.waiting - count)
        if child:
            return self._with(replace(line, children=line.children - count), book)
        line = replace(line, queued=line.queued - count, number=following)
        return self._with(line, replace(book, running=book.running + count))

    def left(self, status: TicketStatus, *, child: bool, following: int) -> Self:
        """With one less, whose ticket had that status; ``following`` is as in :meth:`admitted`."""
        line, book = self.line, self.book
        if status == "admitted":
            line = replace(line, running=line.running - 1)
            return self._with(line, book if child else replace(book, running=book.running - 1))
        book = replace(book, waiting=book.waiting - 1)
        if status == "child":
            return self._with(replace(line, children=line.children - 1), book)
        return self._with(replace(line, queued=line.queued - 1, number=following), book)

    def _with(self, line: Line, book: Book | None = None) -> Self:
        book, before, after = book or self.book, self.line.status, line.status
        book = replace(
            book,
            open=book.open + (after == "open") - (before == "open"),
            children=book.children + (after == "child") - (before == "child"),
        )
        return replace(self, book=book, line=line)
