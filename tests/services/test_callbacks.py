"""Callbacks: who was told the address says what a step came to, once, and nobody else says anything."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.callbacks import Answer
from shared.domain.errors import ConflictError, NotFoundError, ValidationFailedError
from shared.domain.executions import Execution
from shared.ports.actions import ActionContext, ActionError, Completed, Pending
from shared.ports.documents import EXECUTIONS
from shared.services.secrets.sealing import Addresses
from shared.services.steps.callbacks import PATH, Called
from tests.fakes.actions import Scripted
from tests.services.conftest import Workshop
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

DONE = Answer("completed", {"image": "shop:7"})


class Calling(Scripted):
    """Gives its address away, and waits until that is called."""

    def __init__(self) -> None:
        super().__init__("ring", "idempotent", lambda _parameters, _context: Completed({}))
        self.addresses: list[str] = []

    async def run(self, parameters: Any, context: ActionContext) -> Completed | Pending:
        opened = await context.callbacks.open(context.scope, context.place, seconds=600)
        self.addresses.append(opened.address)
        return Pending(600, "called", own_time=True)

    async def poll(self, token: Any, parameters: Any, context: ActionContext) -> Completed | Pending:
        callback = await context.callbacks.look(context.scope, context.place)
        if callback.status == "expired":
            raise ActionError("TIMEOUT", "nobody called", retryable=False)
        return (
            Completed(callback.answer.outputs) if callback.answer else Pending(600, "called", own_time=True)
        )


@pytest.fixture(autouse=True)
def action(workshop: Workshop) -> Calling:
    calling = Calling()
    workshop.catalogue.use(calling)
    return calling


async def waiting(workshop: Workshop, action: Calling, **step: Any) -> tuple[Execution, Called]:
    """An execution whose step ``a`` waits to be called back."""
    execution = await workshop.execute({"id": "a", "action": "ring", **step})
    assert (await workshop.attempt(execution, "a", first=True))["status"] == "pending"
    return execution, called(workshop, action)


def called(workshop: Workshop, action: Calling) -> Called:
    address = action.addresses[-1]
    base = "http://127.0.0.1:7071" + PATH
    assert address.startswith(base)
    return workshop.callbacks.called(address.removeprefix(base))


async def call(workshop: Workshop, who: Called, answer: Answer = DONE) -> None:
    await workshop.callbacks.require_awaited(who)
    await workshop.callbacks.receive(who, answer)


async def polled(workshop: Workshop, execution: Execution, **more: Any) -> dict[str, Any]:
    return await workshop.attempt(execution, "a", token="called", **more)


async def step(workshop: Workshop, execution: Execution) -> Mapping[str, Any]:
    return (await workshop.executions.get(workshop.ada, execution.execution_id)).steps[0].to_json()


async def test_what_is_said_wakes_the_step_which_completes_with_it(
    workshop: Workshop, action: Calling
) -> None:
    execution, who = await waiting(workshop, action)
    assert (await polled(workshop, execution))["status"] == "pending"
    await call(workshop, who)
    assert workshop.orchestrations.events == [(execution.execution_id, "nudge", {"step": "a"})]
    assert (await polled(workshop, execution))["status"] == "completed"
    assert (await step(workshop, execution))["outputs"] == {"image": "shop:7"}
    assert await workshop.types(execution) == [
        *("execution_started", "step_started", "callback_received", "step_completed"),
    ]


async def test_nothing_that_is_shown_or_stored_has_the_address(workshop: Workshop, action: Calling) -> None:
    execution, who = await waiting(workshop, action)
    await call(workshop, who, Answer("completed", {"asked": {action.addresses[0]: [who.token]}}))
    await polled(workshop, execution)
    assert (await step(workshop, execution))["outputs"] == {
        "asked": {"http://127.0.0.1:7071" + PATH + "(the callback)": ["(the callback)"]}
    }
    changes = await workshop.documents.changes(
        workshop.ada.scope, container=EXECUTIONS, partition=execution.execution_id
    )
    assert changes
    assert who.token not in str([change.document.body for change in changes])
    assert who.token not in str((await workshop.events(execution), who, workshop.orchestrations.events))


async def test_the_same_said_again_changes_nothing_and_something_else_is_refused(
    workshop: Workshop, action: Calling
) -> None:
    execution, who = await waiting(workshop, action)
    await call(workshop, who)
    await call(workshop, who)
    with pytest.raises(ConflictError):
        await call(workshop, who, Answer("completed", {"image": "shop:8"}))
    await polled(workshop, execution)
    await workshop.finish(execution, "completed")
    await call(workshop, who)
    with pytest.raises(ConflictError):
        await call(workshop, who, Answer("failed", {}, {"code": "NO", "message": "no"}))
    assert (await workshop.types(execution)).count("callback_received") == 1
    assert len(workshop.orchestrations.events) == 1


async def test_an_address_is_the_same_in_every_delivery_and_another_in_every_attempt(
    workshop: Workshop, action: Calling
) -> None:
    _, who = await waiting(workshop, action)
    place = who.place
    workshop.clock.advance(60)
    again = await workshop.callbacks.open(workshop.ada.scope, place, seconds=600)
    assert again.address == action.addresses[0]
    assert (await workshop.callbacks.look(workshop.ada.scope, place)).until == again.until
    assert (again.until - workshop.clock.now()).total_seconds() == 540
    other = await workshop.callbacks.open(workshop.ada.scope, replace(place, attempt=2), seconds=600)
    assert other.address != again.address


async def test_when_the_time_is_over_the_step_is_told_so_and_a_call_is_too_late(
    workshop: Workshop, action: Calling
) -> None:
    execution, who = await waiting(workshop, action)
    workshop.clock.advance(600)
    with pytest.raises(NotFoundError):
        await workshop.callbacks.require_awaited(who)
    outcome = await polled(workshop, execution)
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "TIMEOUT")
    with pytest.raises(NotFoundError):
        await workshop.callbacks.receive(who, DONE)


async def test_of_a_call_and_the_end_of_its_time_one_wins(workshop: Workshop, action: Calling) -> None:
    execution, who = await waiting(workshop, action)
    await workshop.callbacks.require_awaited(who)
    workshop.clock.advance(600)
    await workshop.callbacks.receive(who, DONE)
    assert (await polled(workshop, execution))["status"] == "completed"


async def test_nobody_waits_for_an_attempt_that_has_come_to_its_end(
    workshop: Workshop, action: Calling
) -> None:
    execution, who = await waiting(workshop, action)
    await workshop.finish(execution, "cancelled", cancelled=["a"])
    with pytest.raises(NotFoundError):
        await workshop.callbacks.require_awaited(who)


async def test_nobody_waits_for_what_undoes_a_step_of_an_execution_that_was_terminated_meanwhile(
    workshop: Workshop, action: Calling
) -> None:
    undone = {"id": "a", "action": "ring", "compensate": {"action": "ring"}}
    execution = await workshop.execute(undone)
    await workshop.attempt(execution, "a", first=True)
    await call(workshop, called(workshop, action))
    await polled(workshop, execution)
    outcome = await workshop.attempt(execution, "a", compensates=True)
    assert outcome["status"] == "pending"
    who = called(workshop, action)
    await workshop.callbacks.require_awaited(who)
    await workshop.finish(execution, "cancelled")
    with pytest.raises(NotFoundError):
        await workshop.callbacks.require_awaited(who)
    with pytest.raises(NotFoundError):
        await workshop.callbacks.receive(who, DONE)
    assert (await workshop.types(execution))[-1] == "execution_cancelled"


async def test_each_item_of_a_list_has_an_address_and_is_woken_by_it(
    workshop: Workshop, action: Calling
) -> None:
    execution = await workshop.execute({"id": "a", "action": "ring", "foreach": [1, 2]})
    await workshop.attempt(execution, "a", first=True)
    for item in (0, 1):
        assert (await workshop.attempt(execution, "a", item=item))["status"] == "pending"
        await call(workshop, called(workshop, action), Answer("completed", {"item": item}))
        assert workshop.orchestrations.events[-1][2] == {"step": "a", "item": item}
        assert (await polled(workshop, execution, item=item))["status"] == "completed"
    assert len(set(action.addresses)) == 2


async def test_what_is_not_of_our_making_is_no_address(workshop: Workshop, action: Calling) -> None:
    _, who = await waiting(workshop, action)
    token = who.token
    others = Addresses(b"x" * 32, purpose="callbacks").address("[]")
    altered = [
        token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        for place in range(len(token))
    ]
    for wrong in ("", "nothing", "größe", token + "=", token[:-1], token + "A", others, *altered):
        with pytest.raises(NotFoundError, match="nothing to be called back"):
            workshop.callbacks.called(wrong)


@pytest.mark.parametrize(
    ("answer", "pointer"),
    [
        (Answer("failed", {}), "/error"),
        (Answer("completed", {}, {"code": "X", "message": "x"}), "/error"),
        (Answer("failed", {"a": 1}, {"code": "X", "message": "x"}), "/outputs"),
    ],
)
async def test_an_answer_is_either_of_two_things(
    workshop: Workshop, action: Calling, answer: Answer, pointer: str
) -> None:
    _, who = await waiting(workshop, action)
    with pytest.raises(ValidationFailedError) as refused:
        await call(workshop, who, answer)
    assert [error.pointer for error in refused.value.errors] == [pointer]
