"""Requests with an ``Idempotency-Key``: done once, and answered the same however often they are sent.

Each key of a principal has a record. Whoever creates it has the first turn at the request. What that comes to
is kept in the record, sealed, and given to all who send the request again. Where nothing is kept, because the
process died or the request may yet succeed, who replaces the record first has the next turn, once the one
before is over. All turns have one id: by that, a turn finds what an earlier one has done (``receipts.py``).
"""

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import orjson

from shared.domain.canonical import content_hash
from shared.domain.errors import (
    DocumentError,
    DocumentExistsError,
    DocumentStaleError,
    KeyReusedError,
    StillRunningError,
    TooLargeError,
    UnavailableError,
)
from shared.domain.ids import ulid_time
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.clock import Clock, Ids
from shared.ports.documents import COUNTERS, Create, Document, Documents, Operation, Replace
from shared.security.principals import Turn
from shared.services.callers import Caller
from shared.services.secrets.sealing import Fingerprints, Sealer

LIFE: Final = timedelta(hours=24)
"""How long a key is known, from its answer on."""
TURN: Final = timedelta(seconds=20)
"""How long a turn may begin changes: longer than the edge lets any request work."""
LEASE: Final = timedelta(seconds=30)
"""When the next turn may begin; the time between is for clocks that differ and writes on their way."""
RECORD: Final = "request"
"""The id of the record, in a partition of its own."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response.

    Attributes:
        final: whether it is what the request came to; if not, sent again it is done again.
        replayed: whether it was kept from another time that the request was sent.
    """

    status: int
    headers: Mapping[str, str]
    body: str
    final: bool = True
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the record of a key is: the principal's own, whatever its name and the key are."""

    caller: Caller
    partition: str

    @property
    def sealed(self) -> str:
        return f"{self.caller.scope.tenant_id}/{self.partition}"


class Idempotency:
    def __init__(
        self,
        *,
        documents: Documents,
        sealer: Sealer,
        fingerprints: Fingerprints,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._documents = documents
        self._sealer = sealer
        self._fingerprints = fingerprints
        self._clock = clock
        self._ids = ids

    async def once(
        self, caller: Caller, key: str, request: str, work: Callable[[Caller], Awaitable[Answer]]
    ) -> Answer:
        """What ``work`` comes to, done once for the ``key`` of this caller.

        ``request`` is a hash of what is asked. It may be of a secret that somebody could guess, so it is not
        kept as it is. ``work`` gets the caller with its turn, and does not raise.

        Raises:
            KeyReusedError: the key came with another request before.
            StillRunningError: somebody has the turn.
            UnavailableError: the record cannot be had; nothing was done.
        """
        principal = caller.principal
        digest = content_hash([principal.issuer, principal.subject, key])
        place = _Place(caller, f"idempotency:{digest}")
        record = await self._begin(place, self._fingerprints.of(request))
        if record.body["answer"] is not None:
            return self._opened(place, record.body["answer"])
        turn = Turn(record.body["turn"], parse_rfc3339(record.body["until"]) - (LEASE - TURN))
        answer = await work(replace(caller, turn=turn))
        await self._end(place, record, answer)
        return answer

    async def _begin(self, place: _Place, request: str) -> Document:
        """The record, with this turn or with an answer."""
        now = self._clock.now()
        body = {
            "id": RECORD,
            "kind": "idempotency",
            "request": request,
            "turn": self._ids.new(),
            "until": rfc3339(now + LEASE),
            "answer": None,
        }
        try:
            return await self._write(place, Create(body, ttl=_seconds(LIFE)))
        except DocumentExistsError:
            found = await self._documents.read(
                place.caller.scope, container=COUNTERS, partition=place.partition, id=RECORD
            )
        if found is None:
            raise StillRunningError  # it has just expired, or it is too new to be seen
        if found.body["request"] != request:
            raise KeyReusedError
        if found.body["answer"] is not None:
            return found
        if now < parse_rfc3339(found.body["until"]):
            raise StillRunningError
        taken = {**found.body, "until": body["until"]}
        try:
            return await self._write(place, Replace(taken, if_match=found.etag, ttl=self._left(found)))
        except DocumentError as error:
            raise StillRunningError from error

    async def _end(self, place: _Place, record: Document, answer: Answer) -> None:
        """Keep the answer, or let the request be done again at once.

        Where this fails, whoever sends the request again waits for the end of the turn, and is answered by
        what was done.
        """
        kept = self._sealed(place, answer) if answer.final else None
        try:
            try:
                await self._store(place, record, kept)
            except TooLargeError:
                await self._store(place, record, None)
        except DocumentStaleError:
            _log.warning("a request with an Idempotency-Key took longer than its turn")
        except (DocumentError, UnavailableError):
            _log.warning("the answer to a request with an Idempotency-Key was not kept", exc_info=True)

    async def _store(self, place: _Place, record: Document, kept: str | None) -> None:
        ended = {**record.body, "answer": kept, "until": rfc3339(self._clock.now())}
        ttl = _seconds(LIFE) if kept else self._left(record)
        await self._write(place, Replace(ended, if_match=record.etag, ttl=ttl))

    async def _write(self, place: _Place, operation: Operation) -> Document:
        (stored,) = await self._documents.transact(
            place.caller.scope, container=COUNTERS, partition=place.partition, operations=[operation]
        )
        assert stored is not None  # neither a create nor a replace gives nothing back
        return stored

    def _left(self, record: Document) -> int:
        """Seconds for which a record without an answer is still known.

        Turns do not add to it: a receipt of the first must outlive the last.
        """
        return max(1, _seconds(ulid_time(record.body["turn"]) + LIFE - self._clock.now()))

    def _sealed(self, place: _Place, answer: Answer) -> str:
        said = {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
        return self._sealer.seal(orjson.dumps(said).decode(), place=place.sealed)

    def _opened(self, place: _Place, sealed: str) -> Answer:
        said: dict[str, Any] = orjson.loads(self._sealer.open(sealed, place=place.sealed))
        return Answer(**said, replayed=True)


def _seconds(time: timedelta) -> int:
    return math.ceil(time.total_seconds())
