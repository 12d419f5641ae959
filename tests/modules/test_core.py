from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.waiting import Waiting
from shared.modules.core import Assert, Transform, Wait
from shared.modules.durations import MAX_WAIT
from shared.ports.actions import Action, ActionContext, ActionError, Completed, Pending, Result
from tests.fakes.clock import FrozenClock


async def _run(action: Action, context: ActionContext, **parameters: Any) -> Result:
    return await action.run(action.Parameters.model_validate(parameters), context)


async def test_no_wait_completes_at_once(context: ActionContext) -> None:
    assert await _run(Wait(), context, seconds=0) == Completed({"until": "2026-01-02T03:04:05.000000Z"})


async def test_a_short_wait_is_slept_through(context: ActionContext) -> None:
    assert isinstance(await _run(Wait(), context, seconds=0.01), Completed)


async def test_a_long_wait_is_pending_until_it_is_over(context: ActionContext, clock: FrozenClock) -> None:
    wait = Wait()
    parameters = wait.Parameters.model_validate({"duration": "1h30m"})
    pending = await wait.run(parameters, context)
    assert isinstance(pending, Pending)
    assert pending.delay == 5400
    clock.advance(5000)
    assert pending.waiting == Waiting("timer", clock.now() + timedelta(seconds=400))
    assert await wait.poll(pending.token, parameters, context) == replace(pending, delay=400)
    clock.advance(400)
    over = await wait.poll(pending.token, parameters, context)
    assert over == Completed({"until": "2026-01-02T04:34:05.000000Z"})


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"seconds": 1, "duration": "1s"},
        {"seconds": -1},
        {"seconds": MAX_WAIT + 1},
        {"seconds": "1"},
        {"seconds": True},
        {"duration": ""},
        {"duration": "1 hour"},
        {"duration": "31d"},
        {"minutes": 1},
    ],
)
def test_a_wait_that_makes_no_sense_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Wait.Parameters.model_validate(parameters)


async def test_an_assertion_that_holds_completes(context: ActionContext) -> None:
    assert await _run(Assert(), context, condition=True) == Completed()


async def test_an_assertion_that_does_not_hold_fails_for_good_with_its_message(
    context: ActionContext,
) -> None:
    with pytest.raises(ActionError, match="three replicas") as caught:
        await _run(Assert(), context, condition=False, message="there must be three replicas")
    assert (caught.value.code, caught.value.retryable) == ("ASSERTION_FAILED", False)


async def test_a_transform_gives_its_outputs_or_its_value(context: ActionContext) -> None:
    assert await _run(Transform(), context, outputs={"a": [1]}) == Completed({"a": [1]})
    assert await _run(Transform(), context, value=None) == Completed({"value": None})


@pytest.mark.parametrize("parameters", [{}, {"outputs": {}, "value": 1}, {"outputs": []}])
def test_a_transform_of_both_or_nothing_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Transform.Parameters.model_validate(parameters)


async def test_a_wait_until_a_time_is_pending_until_then_and_one_that_is_over_is_not_waited_for(
    context: ActionContext,
) -> None:
    pending = await _run(Wait(), context, until="2026-01-02T05:04:05+01:00")
    assert isinstance(pending, Pending)
    assert pending.delay == 3600
    over = await _run(Wait(), context, until="2025-01-01T00:00:00Z")
    assert over == Completed({"until": "2026-01-02T03:04:05.000000Z"})
    with pytest.raises(ActionError, match="30 days"):
        await _run(Wait(), context, until="2026-03-01T00:00:00Z")
    for text in ("tomorrow", "2026-01-02T05:04:05"):
        with pytest.raises(ValidationError, match="offset"):
            await _run(Wait(), context, until=text)
