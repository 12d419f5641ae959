"""What an action returns is held against what it declares, in whichever way it comes to its end."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from shared.domain.executions import Execution
from shared.ports.actions import Action, ActionContext, Completed, Pending
from tests.fakes.actions import Anything
from tests.services.conftest import Workshop

STRICT = ConfigDict(strict=True, extra="forbid")


class Image(BaseModel):
    model_config = STRICT

    name: str
    layers: list[int]


class BuildOutputs(BaseModel):
    model_config = STRICT

    image: Image
    cached: bool


class Build(Action):
    """Returns what it is told to."""

    name = "build"
    module = "test"
    side_effect = "idempotent"
    Parameters = Anything
    Outputs = BuildOutputs

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    async def run(self, parameters: Anything, context: ActionContext) -> Any:
        del parameters, context
        return self._answers.pop(0)

    async def poll(self, token: Any, parameters: Any, context: ActionContext) -> Any:
        del token, parameters, context
        return self._answers.pop(0)


GOOD = {"image": {"name": "shop:1", "layers": [3, 5]}, "cached": False}
WRONG = {"image": {"name": 7, "layers": [3, "5"]}, "cahced": True}
RETRY = {"max_attempts": 3}


async def building(workshop: Workshop, *answers: Any) -> Execution:
    workshop.catalogue.use(Build(*answers))
    return await workshop.execute({"id": "a", "action": "build", "retry": RETRY})


async def test_what_was_declared_completes_the_step(workshop: Workshop) -> None:
    execution = await building(workshop, Completed(GOOD))
    assert await workshop.attempt(execution, "a", first=True) == {"status": "completed"}
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert found.steps[0].outputs == GOOD


async def test_a_mismatch_fails_the_step_for_good_and_names_every_place(workshop: Workshop) -> None:
    execution = await building(workshop, Completed(WRONG))
    outcome = await workshop.attempt(execution, "a", first=True)
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "OUTPUTS")
    message = outcome["error"]["message"]
    assert message.startswith("the action build returned what it does not declare: ")
    places = {place.partition(":")[0] for place in message.partition(": ")[2].split("; ")}
    assert places == {"image.name", "image.layers.1", "cached", "cahced"}
    assert "step_retrying" not in await workshop.types(execution)


async def test_a_mismatch_that_comes_by_polling_fails_the_step_too(workshop: Workshop) -> None:
    execution = await building(workshop, Pending(30, "job"), Completed({}))
    await workshop.attempt(execution, "a", first=True)
    outcome = await workshop.attempt(execution, "a", token="job")
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "OUTPUTS")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "answered with a NoneType"),
        (GOOD, "answered with a dict"),
        (Pending(30, "x" * 10_000), "what it waits with: 10002 bytes"),
        (Pending(30, object()), "what it waits with cannot be stored as JSON"),
    ],
    ids=["nothing", "bare outputs", "a long token", "a token that is no JSON"],
)
async def test_an_answer_that_is_none_fails_the_step(workshop: Workshop, answer: Any, told: str) -> None:
    execution = await building(workshop, answer)
    outcome = await workshop.attempt(execution, "a", first=True)
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "OUTPUTS")
    assert told in outcome["error"]["message"]


async def test_of_very_many_places_some_are_told_and_the_others_counted(workshop: Workshop) -> None:
    execution = await building(workshop, Completed({**GOOD, **{f"x{n}": n for n in range(1000)}}))
    message = (await workshop.attempt(execution, "a", first=True))["error"]["message"]
    assert message.endswith("; and 980 more")
    assert len(message) < 2000
