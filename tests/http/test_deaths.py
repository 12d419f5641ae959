"""``Idempotency-Key`` on every route that changes something, whenever the process dies or the store fails."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from functions.routes.route import Route
from shared.domain.errors import UnavailableError
from shared.ports.documents import Container
from shared.services.idempotency import LEASE
from tests.fakes.documents import Killed, Moment
from tests.http.changing import EVERY_ROUTE, RECORDS, REQUESTS, shown, stored
from tests.http.harness import Stage

COSMOS = pytest.mark.parametrize("store", ["cosmos"], indirect=True)
NEVER = 1_000_000


@dataclass
class Interruption:
    """Raises ``error`` when it is asked for the time that ``point`` says."""

    point: int
    error: BaseException
    asked: int = 0

    def __call__(self, moment: Moment, container: Container) -> None:
        self.asked += 1
        if self.asked == self.point + 1:
            raise self.error

    @property
    def happened(self) -> bool:
        return self.asked > self.point


@contextmanager
def interrupted(stage: Stage, point: int, error: BaseException) -> Iterator[Interruption]:
    stage.documents.interrupt = interruption = Interruption(point, error)
    yield interruption
    stage.documents.interrupt = None


async def die(stage: Stage, route: Route, point: int) -> bool:
    """Have the process die at that point, if it comes to it, and ask on: all is as if it had not died."""
    request = await REQUESTS[route.name](stage.world, f"deploy-{point}")
    before = len(await stored(stage, "audit", request.tenants))
    started = len(stage.world.orchestrations.started)
    with interrupted(stage, point, Killed()) as interruption, suppress(Killed):
        await request.send(stage.world, f"k{point}")
    died = interruption.happened
    if died:
        waiting = await request.send(stage.world, f"k{point}")
        assert waiting.status_code in {409, route.status}  # nothing was stored before the first point
    stage.clock.advance(LEASE.total_seconds())
    answer = await request.send(stage.world, f"k{point}")
    assert answer.status_code == route.status, (point, answer.text)
    assert shown(await request.send(stage.world, f"k{point}")) == shown(answer)
    assert len(await stored(stage, "audit", request.tenants)) == before + RECORDS.get(route.name, 1), point
    if route.name == "execute_intent":
        assert len(stage.world.orchestrations.started) == started + 1
    if route.name == "put_subscription":
        assert answer.json()["secret"].startswith("whsec_")
    return died


@EVERY_ROUTE
async def test_whenever_the_process_dies_it_is_done_once_and_answered(stage: Stage, route: Route) -> None:
    """It dies before and after each transaction on the way; the next turn comes when the first is over."""
    for point in itertools.count():
        if not await die(stage, route, point):
            assert point >= 6  # around the turn's beginning, the work and the answer
            return


@EVERY_ROUTE
@COSMOS
async def test_over_cosmos_db_too_what_was_nearly_done_or_not_answered_is_done_once(
    stage: Stage, route: Route
) -> None:
    """It dies around the last transaction of the work; the answer's comes behind it.

    How a store takes each transaction, alone and a second time, is in its port's contract: what is done with
    it is seen at every point over SQLite.
    """
    for name in ("first", "second"):  # the first makes what all others find
        request = await REQUESTS[route.name](stage.world, f"deploy-{name}")
        with interrupted(stage, NEVER, Killed()) as whole:
            await request.send(stage.world, name)
    for point in (whole.asked - 4, whole.asked - 3):
        assert await die(stage, route, point)


@EVERY_ROUTE
async def test_whenever_the_store_fails_it_is_done_once_and_answered(stage: Stage, route: Route) -> None:
    """As above, but the process lives: it says that it could not, and may be asked again."""
    for point in itertools.count():
        request = await REQUESTS[route.name](stage.world, f"deploy-{point}")
        before = len(await stored(stage, "audit", request.tenants))
        with interrupted(stage, point, UnavailableError()) as interruption:
            first = await request.send(stage.world, f"k{point}")
        assert first.status_code in {503, route.status}
        stage.clock.advance(LEASE.total_seconds())
        answer = await request.send(stage.world, f"k{point}")
        assert answer.status_code == route.status, (point, answer.text)
        assert len(await stored(stage, "audit", request.tenants)) == before + RECORDS.get(route.name, 1), (
            point
        )
        if not interruption.happened:
            return
