"""Requests with a key over a store that a test can interrupt."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shared.adapters.system import RandomIds
from shared.domain.canonical import content_hash
from shared.ports.documents import COUNTERS, Document
from shared.services.callers import Caller
from shared.services.idempotency import Answer, Idempotency
from shared.services.secrets.sealing import Fingerprints, Sealer
from tests.fakes.clock import FrozenClock
from tests.fakes.documents import InterruptedDocuments, Killed
from tests.services.conftest import Workshop, composed
from tests.stores import opened

DONE = Answer(201, {"ETag": '"1"', "Location": "/there"}, '{"made": true}')


@dataclass
class Desk:
    """The use case over a store that can be interrupted, and the turns that there were."""

    workshop: Workshop
    documents: InterruptedDocuments
    idempotency: Idempotency
    turns: list[str] = field(default_factory=list[str])

    async def send(
        self, answer: Answer = DONE, *, key: str = "k", request: str = "r", by: Caller | None = None
    ) -> Answer:
        async def work(caller: Caller) -> Answer:
            assert caller.turn is not None
            self.turns.append(caller.turn.id)
            return answer

        return await self.idempotency.once(by or self.workshop.ada, key, request, work)

    async def die(self, key: str = "k") -> None:
        """Begin a turn that nothing comes of."""

        async def work(caller: Caller) -> Answer:
            assert caller.turn is not None
            self.turns.append(caller.turn.id)
            raise Killed

        with pytest.raises(Killed):
            await self.idempotency.once(self.workshop.ada, key, "r", work)

    def wait(self, seconds: float) -> None:
        self.workshop.clock.advance(seconds)

    async def records(self) -> list[Document]:
        principal = self.workshop.ada.principal
        digest = content_hash([principal.issuer, principal.subject, "k"])
        found = await self.workshop.documents.changes(
            self.workshop.ada.scope, container=COUNTERS, partition=f"idempotency:{digest}"
        )
        return [change.document for change in found]


@asynccontextmanager
async def open_desk(request: pytest.FixtureRequest, store: str, folder: Path) -> AsyncIterator[Desk]:
    clock = FrozenClock()
    async with opened(store, request, folder / "documents.db", now=clock.now) as real:
        documents = InterruptedDocuments(real)
        sealer = Sealer(b"k" * 32, purpose="answers")
        idempotency = Idempotency(
            documents=documents,
            sealer=sealer,
            fingerprints=Fingerprints(b"k" * 32, purpose="requests"),
            clock=clock,
            ids=RandomIds(clock),
        )
        yield Desk(composed(documents, clock), documents, idempotency)
