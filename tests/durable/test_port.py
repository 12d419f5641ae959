"""The orchestrations port: one suite for all that implement it, over a real hub."""

from typing import Any

import pytest
from durabletask import task

from localhost.orchestrations import HubOrchestrations
from shared.adapters.durable.orchestrations import DurableOrchestrations
from shared.domain.errors import UnavailableError
from shared.ports.orchestrations import Orchestration, Orchestrations, RuntimeStatus
from tests.durable.conftest import World, until


def echo(world: World) -> None:
    @world.workers.orchestrator
    def echo(ctx: task.OrchestrationContext, given: Any) -> Any:
        return [given, (yield ctx.wait_for_external_event("go"))]


async def stands(orchestrations: Orchestrations, instance: str, status: RuntimeStatus) -> None:
    """Wait until that is how the instance stands."""

    async def does() -> bool:
        return await orchestrations.status(instance_id=instance) == Orchestration(instance, status)

    await until(does)


@pytest.mark.parametrize("given", [None, {"a": [1, 2.5, "ü"], "b": None}, 2**70])
async def test_input_and_event_arrive_as_they_were_given(
    world: World, orchestrations: Orchestrations, given: Any
) -> None:
    echo(world)
    await orchestrations.start(instance_id="one", orchestrator="echo", input=given)
    await orchestrations.raise_event(instance_id="one", name="go", data=given)
    assert (await world.finished("one")).get_output() == [given, given]
    assert await orchestrations.status(instance_id="one") == Orchestration("one", "completed")


async def test_starting_again_changes_nothing(world: World, orchestrations: Orchestrations) -> None:
    echo(world)
    for number in (1, 2):
        await orchestrations.start(instance_id="one", orchestrator="echo", input=number)
    await orchestrations.raise_event(instance_id="one", name="go")
    assert (await world.finished("one")).get_output() == [1, None]
    await orchestrations.start(instance_id="one", orchestrator="echo", input=3)
    assert await orchestrations.status(instance_id="one") == Orchestration("one", "completed")


async def test_what_is_suspended_takes_nothing_in_until_it_is_resumed(
    world: World, orchestrations: Orchestrations
) -> None:
    echo(world)
    await orchestrations.start(instance_id="one", orchestrator="echo", input=1)
    await orchestrations.suspend(instance_id="one", reason="a break")
    await stands(orchestrations, "one", "suspended")
    await orchestrations.raise_event(instance_id="one", name="go", data=2)
    await orchestrations.resume(instance_id="one", reason="on with it")
    assert (await world.finished("one")).get_output() == [1, 2]


async def test_what_is_terminated_ends_where_it_stands(world: World, orchestrations: Orchestrations) -> None:
    echo(world)
    await orchestrations.start(instance_id="one", orchestrator="echo", input=1)
    await orchestrations.terminate(instance_id="one", reason="enough")
    assert (await world.finished("one")).get_output() == "enough"
    await stands(orchestrations, "one", "terminated")
    await orchestrations.purge(instance_id="one")
    assert await orchestrations.status(instance_id="one") is None


async def test_a_failure_says_why(world: World, orchestrations: Orchestrations) -> None:
    @world.workers.orchestrator
    def fail(_: task.OrchestrationContext, __: Any) -> None:
        raise ValueError("broken")

    await orchestrations.start(instance_id="one", orchestrator="fail", input=None)
    await world.finished("one")
    found = await orchestrations.status(instance_id="one")
    assert found is not None
    assert (found.status, "broken" in (found.failure or "")) == ("failed", True)


async def test_of_what_is_unknown_nothing_happens(orchestrations: Orchestrations) -> None:
    assert await orchestrations.status(instance_id="nobody") is None
    await orchestrations.raise_event(instance_id="nobody", name="go")
    await orchestrations.terminate(instance_id="nobody", reason="enough")
    await orchestrations.suspend(instance_id="nobody", reason="a break")
    await orchestrations.resume(instance_id="nobody", reason="on with it")
    await orchestrations.purge(instance_id="nobody")


@pytest.mark.parametrize("kind", [DurableOrchestrations, HubOrchestrations])
async def test_before_it_is_known_where_the_hub_is_it_is_away(kind: type[Any]) -> None:
    orchestrations: Orchestrations = kind()
    assert not orchestrations.connected
    with pytest.raises(UnavailableError):
        await orchestrations.status(instance_id="one")
