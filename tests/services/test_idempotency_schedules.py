"""Several keyed requests, each sent by many at once, through deaths, faults and turns that end too early."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.errors import ConflictError, QuantumError, StillRunningError, UnavailableError
from shared.domain.intents import NewIntent, NewVersion
from shared.ports.actions import Completed
from shared.ports.documents import EXECUTIONS, REGISTRY, Container, Query
from shared.services.callers import Caller
from shared.services.idempotency import LEASE, Answer
from tests.fakes.documents import Killed, Moment
from tests.services.desk import Desk, open_desk
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

KINDS = ("create", "execute", "put", "amend", "rollback")
SENT = 3
"""How many times each request is sent at once."""
PATIENCE = 500
"""Attempts after which a sender gives up, which would be a failure."""
NUMBERS = itertools.count()


@dataclass
class Storm:
    """Faults by a seed, as long as ``left`` of them are left."""

    rng: random.Random
    left: int

    def __call__(self, moment: Moment, container: Container) -> None:
        if self.left and self.rng.random() < 0.15:
            self.left -= 1
            raise Killed if self.rng.random() < 0.5 else UnavailableError


@dataclass
class Requests:
    desk: Desk
    rng: random.Random
    base: str
    answers: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    async def send(self, key: str) -> None:
        """Send the request until it is answered, by one process after another."""
        for _ in range(PATIENCE):
            try:
                answer = await self.desk.idempotency.once(self._caller(key), key, key, self._work(key))
            except (Killed, UnavailableError):
                continue
            except StillRunningError:
                if self.rng.random() < 0.2:  # time goes on, whoever is still at work
                    self.desk.wait(LEASE.total_seconds())
                await asyncio.sleep(0)
                continue
            if answer.final:
                self.answers.setdefault(key, []).append(f"{answer.status} {answer.body}")
                return
        raise AssertionError(f"{key} is never answered")

    async def disturb(self) -> None:
        """Others change the intent meanwhile."""
        shop = self.desk.workshop
        for number in range(4):
            new = NewVersion({"target": f"other-{number}", "steps": STEPS}, f"other {number}", None, None)
            with suppress(UnavailableError, Killed, ConflictError):
                await shop.versions.put(shop.ada, self.base, new, if_match={"*"})

    def _caller(self, key: str) -> Caller:
        return replace(self.desk.workshop.ada, request_id=key)

    def _work(self, key: str) -> Callable[[Caller], Awaitable[Answer]]:
        async def work(caller: Caller) -> Answer:
            try:
                return Answer(200, {}, await self._do(caller, key))
            except UnavailableError:
                return Answer(503, {}, "", final=False)
            except QuantumError as error:
                return Answer(400, {}, type(error).__name__)

        return work

    async def _do(self, caller: Caller, key: str) -> str:
        shop, kind = self.desk.workshop, key.partition(" ")[0]
        match kind:
            case "create":
                name = f"made-{key.replace(' ', '-')}"
                return (await shop.intents.create(caller, NewIntent(name, {}))).id
            case "execute":
                return (await shop.executions.execute(caller, self.base, {})).execution_id
            case "put":
                new = NewVersion({"target": key, "steps": STEPS}, None, None, None)
                return (await shop.versions.put(caller, self.base, new, if_match={"*"})).id
            case "amend":
                return (await shop.lifecycle.amend(caller, self.base, {"labels": {"by": key}})).name
            case _:
                return (await shop.versions.rollback(caller, self.base, 1, message=key)).name


STEPS = [{"id": "a", "action": "act"}]


@pytest.fixture
async def desk(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(request, store, tmp_path) as made:
        made.workshop.catalogue.add("act", lambda *_: Completed({}))
        yield made


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4), st.integers(0, 12), st.integers(0, 2**32))
async def test_whatever_happens_each_request_is_done_once_and_all_are_answered_alike(
    desk: Desk, kinds: Sequence[str], faults: int, seed: int
) -> None:
    run = next(NUMBERS)
    rng, base = random.Random(seed), f"base-{run}"
    await desk.workshop.intents.create(desk.workshop.ada, NewIntent(base, {"steps": STEPS}))
    requests = Requests(desk, rng, base)
    keys = [f"{kind} {run} {number}" for number, kind in enumerate(kinds)]
    desk.documents.interrupt = Storm(rng, faults)
    await asyncio.gather(requests.disturb(), *(requests.send(key) for key in keys for _ in range(SENT)))
    desk.documents.interrupt = None
    done = await recorded(desk)
    for key in keys:
        assert set(Counter(requests.answers[key]).values()) == {SENT}, requests.answers[key]
        assert requests.answers[key][0].startswith("200 "), requests.answers[key]
        # A rollback to what is there already makes no version.
        assert done[key] == 1 or (key.startswith("rollback") and done[key] == 0), (key, done[key])


async def recorded(desk: Desk) -> Counter[str]:
    """How many audit records there are of each request."""
    found: Counter[str] = Counter()
    for container in (REGISTRY, EXECUTIONS):
        page = await desk.documents.query(desk.workshop.ada.scope, Query(container, "audit", limit=100_000))
        found.update(item.body["request_id"] for item in page.items)
    return found
