"""The queue through random arrivals, ends, cancellations, other limits, deaths and faults, in two processes.

Never more run than may, those of a line go in the order in which they came, no count drifts, none is lost.
"""

import asyncio
import random
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import ConflictError, DocumentError, QuotaExceededError, UnavailableError
from shared.domain.executions import TERMINAL_STATUSES, waits_for_turn
from shared.domain.intents import NewIntent
from shared.domain.steering import Verb
from shared.ports.actions import Completed
from shared.ports.documents import Container
from tests.fakes.clock import FrozenClock
from tests.fakes.documents import InterruptedDocuments, Killed, Moment
from tests.services.conftest import Workshop, composed
from tests.services.queue import check_counts, heads, running, stored
from tests.stores import opened

INTENTS: dict[str, dict[str, Any]] = {
    "free": {},
    "one": {"concurrency": {"limit": 1}},
    "two": {"concurrency": {"limit": 2}},
    "sole": {"concurrency": {"limit": 1, "policy": "refuse"}},
}
MOVES = {"sqlite": 40, "cosmos": 12}
ANY = 1000
"""Where there is no limit."""


@dataclass
class Play:
    """Two processes over one store; ``allowed`` is how many slots may be held at the end of the next move."""

    rng: random.Random
    documents: InterruptedDocuments
    shops: tuple[Workshop, Workshop]
    allowed: int = ANY
    acknowledged: set[str] = field(default_factory=set[str])

    @property
    def shop(self) -> Workshop:
        return self.rng.choice(self.shops)

    async def move(self) -> None:
        storm = self.rng.random() < 0.4
        self.documents.interrupt = self._fault if storm else None
        moves = [self._one() for _ in range(self.rng.randint(1, 4))]
        await asyncio.gather(*(self._survived(one) for one in moves))
        self.documents.interrupt = None
        self.shop.clock.advance(self.rng.choice([1, 5, 20]))
        await self.check()

    def _one(self) -> Awaitable[Any]:
        draw = self.rng.random()
        if draw < 0.5:
            return self._execute(self.rng.choice(list(INTENTS)))
        if draw < 0.8:
            return self._end()
        if draw < 0.88:
            return self._steer()
        if draw < 0.94:
            return self.shop.recovery.run()
        return self._limit(self.rng.choice([None, 1, 2, 3, 5]))

    async def _execute(self, name: str) -> None:
        made = await self.shop.executions.execute(self.shop.ada, name, {})
        self.acknowledged.add(made.execution_id)

    async def _end(self) -> None:
        """Deliver the end of something that runs, until it is taken."""
        going = await running(self.shop)
        if not going:
            return
        name, status = self.rng.choice(going), self.rng.choice(["completed", "failed"])
        ids = {"tenant_id": "acme", "execution_id": name, "status": status}
        for _ in range(50):
            try:
                await self.shop.endings.finish(ids | {"failed": [], "blocked": [], "cancelled": []})
            except (Killed, UnavailableError):
                continue  # the engine delivers it again
            return

    async def _steer(self) -> None:
        paused = [one["execution_id"] for one in await heads(self.shop) if one["status"] == "paused"]
        if paused and self.rng.random() < 0.5:
            await self.shop.steering.steer(self.shop.ada, self.rng.choice(paused), "resume")
        waits = [one["execution_id"] for one in await heads(self.shop) if waits_for_turn(one)]
        if waits:
            verb: Verb = self.rng.choice(["cancel", "terminate", "pause"])
            await self.shop.steering.steer(self.shop.ada, self.rng.choice(waits), verb)

    async def _limit(self, most: int | None) -> None:
        self.allowed = max(self.allowed, most or ANY)
        await self.shop.configuration.configure(self.shop.ada, "acme", {"max_concurrent_executions": most})

    def _fault(self, _: Moment, __: Container) -> None:
        if self.rng.random() < 0.1:
            raise Killed if self.rng.random() < 0.5 else UnavailableError

    async def _survived(self, move: Awaitable[Any]) -> None:
        with suppress(Killed, UnavailableError, QuotaExceededError, ConflictError, DocumentError):
            await move

    async def check(self) -> None:
        shop = self.shops[0]
        await check_counts(shop)
        going = set(await running(shop))
        held = {one["execution_id"] for one in await stored(shop, "ticket") if one["status"] == "admitted"}
        assert len(held) <= self.allowed
        # What the book goes by, and what it will be told if a death was in between.
        limits = [book["limit"] for book in await stored(shop, "book")]
        limits.append(await shop.configuration.max_concurrent_executions(shop.ada.scope, fresh=True))
        self.allowed = max(len(held), *(most or ANY for most in limits), 0)
        limited = [one for one in await heads(shop) if one.get("limited") and one["execution_id"] in going]
        assert {one["execution_id"] for one in limited} <= held
        for name, most in (("one", 1), ("two", 2), ("sole", 1)):
            assert sum(one["intent"] == name for one in limited) <= most

    async def settle(self) -> None:
        """When the storm is over everything comes to its end, and nothing is left in the queue."""
        for _ in range(200):
            self.shop.clock.advance(61)
            await self.shop.recovery.run()
            await self.check()
            for head in await heads(self.shop):
                if head["status"] == "paused":
                    await self.shop.steering.steer(self.shop.ada, head["execution_id"], "resume")
            for _ in await running(self.shop):
                await self._end()
            found = {one["execution_id"]: one["status"] for one in await heads(self.shop)}
            if set(found.values()) <= TERMINAL_STATUSES and not await stored(self.shop, "ticket"):
                break
        else:
            raise AssertionError(found)
        assert found.keys() >= self.acknowledged
        assert await stored(self.shop, "line") == []


@pytest.mark.parametrize(
    ("store", "seed"),
    [*(("sqlite", seed) for seed in range(12)), *(("cosmos", seed) for seed in range(12, 15))],
    indirect=["store"],
)
async def test_never_more_run_than_may_all_are_served_in_order_and_none_is_lost(
    request: pytest.FixtureRequest, store: str, tmp_path: Path, seed: int
) -> None:
    clock = FrozenClock()
    async with opened(store, request, tmp_path / "documents.db", now=clock.now) as real:
        documents = InterruptedDocuments(real)
        one, other = composed(documents, clock), composed(documents, clock)
        other.orchestrations.started = one.orchestrations.started
        for shop in (one, other):
            shop.catalogue.add("act", lambda *_: Completed({}))
        await one.tenants.ensure("acme")
        for name, limits in INTENTS.items():
            definition = {"steps": [{"id": "a", "action": "act"}], **limits}
            await one.intents.create(one.ada, NewIntent(name=name, definition=definition))
        play = Play(random.Random(seed), documents, (one, other))
        for _ in range(MOVES[store]):
            await play.move()
        await play.settle()
