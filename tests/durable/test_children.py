"""Sub-orchestrations: their results, their end, and their ids."""

import json
from typing import Any

from durabletask import task
from durabletask.client import OrchestrationStatus

from tests.durable.conftest import World


def family(world: World) -> None:
    @world.workers.orchestrator
    def child(ctx: task.OrchestrationContext, what: Any) -> Any:
        if what == "fail":
            raise ValueError("the child failed")
        if what == "wait":
            yield ctx.wait_for_external_event("go")
        return [what, ctx.parent_instance_id]

    @world.workers.orchestrator
    def parent(ctx: task.OrchestrationContext, given: list[Any]) -> Any:
        what, child_id = given
        try:
            return (yield ctx.call_sub_orchestrator("child", input=what, instance_id=child_id))
        except task.TaskFailedError as error:
            return [error.details.error_type, error.details.message]


async def test_a_child_knows_its_parent_and_gives_it_its_result(world: World) -> None:
    family(world)
    state = await world.run("parent", ["hello", None], instance_id="p")
    assert json.loads(state.serialized_output or "") == ["hello", "p"]
    child = await world.hub.status("p:0001")
    assert child is not None
    assert child.parent_id == "p"


async def test_a_failed_child_fails_the_task_with_its_own_details(world: World) -> None:
    family(world)
    state = await world.run("parent", ["fail", None])
    assert json.loads(state.serialized_output or "") == ["builtins.ValueError", "the child failed"]


async def test_a_terminated_child_fails_the_task(world: World) -> None:
    family(world)
    instance_id = await world.start("parent", ["wait", "c"])
    await world.idle()
    await world.started("c")
    await world.client.terminate_orchestration("c")
    state = await world.finished(instance_id)
    assert "terminated" in (state.serialized_output or "")


async def test_a_child_of_a_taken_id_fails_the_task(world: World) -> None:
    family(world)
    await world.start("child", "wait", instance_id="taken")
    state = await world.run("parent", ["hello", "taken"])
    assert "already exists" in (state.serialized_output or "")


async def test_the_id_of_a_finished_child_can_be_used_again(world: World) -> None:
    family(world)
    for what in ("one", "two"):
        state = await world.run("parent", [what, "same"])
        assert json.loads(state.serialized_output or "")[0] == what


async def test_termination_reaches_children_if_it_is_recursive(world: World) -> None:
    family(world)

    @world.workers.orchestrator
    def grandparent(ctx: task.OrchestrationContext, _: Any) -> Any:
        yield ctx.call_sub_orchestrator("parent", input=["wait", "c"], instance_id="p")

    instance_id = await world.start("grandparent")
    await world.idle()
    await world.client.terminate_orchestration(instance_id, recursive=True)
    for one in (instance_id, "p", "c"):
        assert (await world.finished(one)).runtime_status == OrchestrationStatus.TERMINATED


async def test_termination_leaves_children_alone_if_it_is_not_recursive(world: World) -> None:
    family(world)
    await world.start("parent", ["wait", "c"], instance_id="p")
    await world.idle()
    await world.client.terminate_orchestration("p", recursive=False)
    await world.finished("p")
    child = await world.client.get_orchestration_state("c")
    assert child is not None
    assert child.runtime_status == OrchestrationStatus.RUNNING
    await world.client.raise_orchestration_event("c", "go")
    assert (await world.finished("c")).runtime_status == OrchestrationStatus.COMPLETED


async def test_children_of_a_generation_that_is_over_do_not_disturb_the_next(world: World) -> None:
    family(world)

    @world.workers.orchestrator
    def again(ctx: task.OrchestrationContext, generation: int) -> Any:
        first: task.Task[Any] = ctx.call_sub_orchestrator("child", input="wait", instance_id=f"c{generation}")
        if generation == 1:
            yield ctx.wait_for_external_event("next")
            ctx.continue_as_new(2)
            return None
        return (yield first)

    instance_id = await world.start("again", 1)
    await world.idle()
    await world.client.raise_orchestration_event(instance_id, "next")
    await world.idle()
    await world.client.raise_orchestration_event("c1", "go")
    await world.finished("c1")
    await world.idle()
    state = await world.client.get_orchestration_state(instance_id)
    assert state is not None
    assert state.runtime_status == OrchestrationStatus.RUNNING
    await world.client.raise_orchestration_event("c2", "go")
    assert (await world.finished(instance_id)).runtime_status == OrchestrationStatus.COMPLETED
