"""A process that dies at any point of beginning, stopping or calling back: what comes after finds it all."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shared.domain.callbacks import Answer
from shared.domain.executions import Execution, ExecutionFilter
from shared.domain.intents import NewIntent
from shared.domain.places import Place
from shared.domain.steering import Verb
from shared.modules.children import RunIntent
from shared.ports.actions import Completed, Pending
from tests.fakes.clock import FrozenClock
from tests.fakes.documents import InterruptedDocuments, Killed, Moment
from tests.services.conftest import Workshop, composed
from tests.stores import BOTH_STORES, opened

pytestmark = BOTH_STORES

SUB: dict[str, Any] = {"id": "sub", "action": "run-intent", "intent": "child"}


@pytest.fixture
async def workshop(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    clock = FrozenClock()
    async with opened(store, request, tmp_path / "documents.db", now=clock.now) as real:
        made = composed(InterruptedDocuments(real), clock)
        made.catalogue.use(RunIntent())
        made.catalogue.add("say", lambda _, __: Completed({}))
        made.catalogue.add("wait-long", lambda _, __: Pending(600, "long", own_time=True))
        await made.tenants.ensure("acme")
        await made.members.ensure_member(
            "acme", user="ada", roles=["operator"], issuer="urn:test", subject="ada"
        )
        await made.intents.create(made.ada, NewIntent("child", {"steps": [{"id": "say", "action": "say"}]}))
        yield made


async def died(workshop: Workshop, point: int, work: Callable[[], Awaitable[Any]]) -> bool:
    """Do it in a process that dies at that point, two for each transaction; False: it does not come to it."""
    assert isinstance(workshop.documents, InterruptedDocuments)
    passed = 0

    def interrupt(_: Moment, __: object) -> None:
        nonlocal passed
        passed += 1
        if passed == point + 1:
            raise Killed

    workshop.documents.interrupt = interrupt
    try:
        await work()
    except Killed:
        pass
    finally:
        workshop.documents.interrupt = None
    return passed > point


async def children(workshop: Workshop, parent: Execution) -> list[Execution]:
    return (await workshop.executions.list(workshop.ada, ExecutionFilter(parent=parent.execution_id)))[0]


async def test_a_beginning_that_is_broken_off_ends_in_one_child_that_is_counted_once(
    workshop: Workshop,
) -> None:
    for point in itertools.count():
        parent = await executed(workshop, point, SUB)
        begin = partial(workshop.attempt, parent, "sub", first=True)
        more = await died(workshop, point, begin)
        outcome = await begin()
        assert outcome["status"] == "pending"
        assert [child.execution_id for child in await children(workshop, parent)] == [outcome["token"]]
        assert (await workshop.head(parent))["descendants"] == 1
        assert outcome["token"] in workshop.orchestrations.started
        if not more:
            break
    assert point > 6


async def test_a_beginning_that_is_broken_off_and_stopped_leaves_no_child_that_goes_on(
    workshop: Workshop,
) -> None:
    for point in itertools.count():
        parent = await executed(workshop, point, SUB)
        begin = partial(workshop.attempt, parent, "sub", first=True)
        more = await died(workshop, point, begin)
        await workshop.children.stop(workshop.ada.scope, Place(parent.execution_id, "sub", 1), "cancel")
        for child in await children(workshop, parent):
            assert child.status == "cancelling"
            assert (child.execution_id, "cancel", None) in workshop.orchestrations.events
        late = await begin()
        assert late["status"] == ("pending" if await children(workshop, parent) else "failed")
        if not more:
            break


async def test_a_call_that_is_broken_off_is_taken_once_and_its_step_is_woken(workshop: Workshop) -> None:
    for point in itertools.count():
        execution = await executed(workshop, point, {"id": "a", "action": "wait-long"})
        await workshop.attempt(execution, "a", first=True)
        place = Place(execution.execution_id, "a", 1)
        address = (await workshop.callbacks.open(workshop.ada.scope, place, seconds=600)).address
        call = partial(called, workshop, address.rpartition("/")[2])
        more = await died(workshop, point, call)
        await call()
        assert (await workshop.types(execution)).count("callback_received") == 1
        workshop.clock.advance(60)
        await workshop.steering.tell_left(workshop.ada.scope, before=workshop.clock.now())
        assert (execution.execution_id, "nudge", {"step": "a"}) in workshop.orchestrations.events
        if not more:
            break


async def test_a_pause_or_a_resumption_that_is_broken_off_is_followed_by_all_below_or_by_none(
    workshop: Workshop,
) -> None:
    body = {"steps": [SUB | {"intent": "child"}]}
    await workshop.intents.create(workshop.ada, NewIntent("between", body))
    verbs: tuple[Verb, ...] = ("pause", "resume")
    for verb in verbs:
        more, points = True, itertools.count()
        while more:
            point = next(points)
            parent = await workshop.execute(SUB | {"intent": "between"}, name=f"{verb}-{point}")
            await workshop.attempt(parent, "sub", first=True)
            (child,) = await children(workshop, parent)
            await workshop.attempt(child, "sub", first=True)
            everyone = [parent, child, *await children(workshop, child)]
            if verb == "resume":
                await workshop.steering.steer(workshop.ada, parent.execution_id, "pause")
            steer = partial(workshop.steering.steer, workshop.ada, parent.execution_id, verb)
            more = await died(workshop, point, steer)
            for _ in everyone:
                workshop.clock.advance(60)
                await workshop.steering.tell_left(workshop.ada.scope, before=workshop.clock.now())
            paused = [(await workshop.head(one))["status"] == "paused" for one in everyone]
            assert paused in ([True] * 3, [False] * 3), (verb, point)
        assert paused == [verb == "pause"] * 3  # this time nobody died


async def executed(workshop: Workshop, point: int, step: dict[str, Any]) -> Execution:
    return await workshop.execute(step, name=f"at-point-{point}")


async def called(workshop: Workshop, token: str) -> None:
    who = workshop.callbacks.called(token)
    await workshop.callbacks.require_awaited(who)
    await workshop.callbacks.receive(who, Answer("completed", {"x": 1}))
