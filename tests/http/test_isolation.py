"""No tenant is ever shown another's anything: random sequences of every operation, by two tenants at a time.

What each of them is shown is searched for what only the other knows. And it is compared, to the byte, with
what it is shown when the other does nothing: so nothing that one does can be seen by the other, in a number,
an order, an error or a silence. ``QUANTUM_TEST_ISOLATION`` is how many sequences are played on each store,
new ones each time, in place of one; ``QUANTUM_TEST_SEED`` plays one again, as a failure says.
"""

import os
import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pytest

from functions.routes.table import ROUTES
from tests.fakes.clock import FrozenClock
from tests.http.harness import Identity
from tests.http.isolation.play import TENANTS, Account, Name, Play, Script
from tests.http.isolation.requests import BODIES, CHOICES, NAMES, PLATFORMS, QUERIES
from tests.http.isolation.stage import START, staged
from tests.stores import BOTH_STORES, opened

MANY = int(os.environ.get("QUANTUM_TEST_ISOLATION", "0"))
SEED = os.environ.get("QUANTUM_TEST_SEED")
ROUNDS = {"sqlite": 2, "cosmos": 2 if MANY else 1}
"""How often each tenant asks everything; the server that the tests have for Cosmos DB takes its time."""


def seeds() -> list[str]:
    if SEED is not None:
        return [SEED]
    return [str(random.randrange(2**32)) for _ in range(MANY)] or ["1"]


@dataclass(frozen=True)
class Theatre:
    """Where scripts are played, each time on a platform of its own."""

    request: pytest.FixtureRequest
    store: str
    folder: Path
    identity: Identity

    async def play(self, script: Script, only: Name | None = None) -> Play:
        """A play in which the store kept nobody waiting too long: that would be told, and not each time."""
        for _ in range(5):
            play = await self._play(script, only)
            if not play.late:
                return play
        pytest.fail("the store did not answer in time, five times")

    async def _play(self, script: Script, only: Name | None) -> Play:
        clock, folder = FrozenClock(START), Path(mkdtemp(dir=self.folder))
        async with (
            opened(self.store, self.request, folder / "documents.db", now=clock.now) as documents,
            staged(folder, self.identity, documents, clock) as stage,
        ):
            play = Play(stage, script)
            await play.run(only)
            return play


@pytest.fixture
def theatre(request: pytest.FixtureRequest, store: str, tmp_path: Path, identity: Identity) -> Theatre:
    return Theatre(request, store, tmp_path, identity)


def test_every_route_can_be_asked() -> None:
    """What is missing here is a line in ``tests/http/isolation/requests.py``."""
    nouns = {route.path.split("/")[1] for route in ROUTES if re.search("{(id|name|user|token)}", route.path)}
    assert nouns - NAMES.keys() == set()
    assert {route.name for route in ROUTES if route.body} - BODIES.keys() == set()
    assert (BODIES.keys() | QUERIES.keys() | CHOICES.keys()) - {route.name for route in ROUTES} == set()


@BOTH_STORES
async def test_what_a_tenant_is_shown_is_its_own_and_the_same_whatever_another_does(
    theatre: Theatre, store: str
) -> None:
    succeeded: Counter[str] = Counter()
    for seed in seeds():
        again = ".venv/bin/python -m pytest -n 0 tests/http/test_isolation.py"
        print(f"QUANTUM_TEST_ISOLATION={MANY} QUANTUM_TEST_SEED={seed} {again} -k {store}")
        script = Script.of(seed, ROUNDS[store])
        together = await theatre.play(script)
        for name in TENANTS:
            alone = await theatre.play(script, name)
            compare(together.accounts[name], alone.accounts[name])
        assert together.drawn == {route.name for route in ROUTES}
        succeeded += together.succeeded
    failed = {route.name for route in ROUTES if route not in PLATFORMS} - succeeded.keys()
    # One sequence may be out of luck with some; most of them show something, or this shows nothing.
    assert len(failed) < (1 if MANY > 9 else len(ROUTES) / 4), f"these never came to anything: {failed}"


def compare(together: Account, alone: Account) -> None:
    """That the same requests have been answered the same, and the same was told elsewhere."""
    for one, other in zip(together.exchanges, alone.exchanges, strict=True):
        shown, expected = together.plainly(one), alone.plainly(other)
        if shown != expected:
            pytest.fail(f"{one.request} is answered\n{shown}\nand alone\n{expected}")
    assert together.events == alone.events
    assert together.webhooks == alone.webhooks
    assert together.metrics == alone.metrics
