"""Entities: state, operations, signals, and locks that exclude."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from durabletask import task
from durabletask.client import EntityQuery, OrchestrationStatus
from durabletask.entities import DurableEntity, EntityContext, EntityInstanceId

from tests.durable.conftest import World, until

COUNTER = EntityInstanceId("counter", "Key")


def counter_of(world: World) -> None:
    @world.workers.entity
    class counter(DurableEntity):  # noqa: N801 # the entity's name
        def add(self, amount: int) -> int:
            total = int(self.get_state(int, 0)) + amount
            self.set_state(total)
            return total

        def get(self) -> int:
            return int(self.get_state(int, 0))

        def boom(self) -> None:
            self.set_state(999)
            raise ValueError("boom")

        def later(self, name: str) -> None:
            self.schedule_new_orchestration(name, input=self.get_state(int, 0), instance_id="from-entity")

        def tell(self, key: str) -> None:
            self.signal_entity(EntityInstanceId("counter", key), "add", 5)

    @world.workers.orchestrator
    def call(ctx: task.OrchestrationContext, given: list[Any]) -> Any:
        operation, value = given
        try:
            return (yield ctx.call_entity(COUNTER, operation, value))
        except Exception as error:  # noqa: BLE001 # the SDK's is not public
            return str(error)


async def state_of(world: World, entity_id: EntityInstanceId = COUNTER) -> Any:
    entity = await world.hub.entity(str(entity_id))
    return None if entity is None else json.loads(entity.state or "null")


async def has_state(world: World, value: Any) -> bool:
    return bool(await state_of(world) == value)


async def test_operations_change_the_state_and_give_results(world: World) -> None:
    counter_of(world)
    assert (await world.run("call", ["add", 2])).serialized_output == "2"
    assert (await world.run("call", ["add", 3])).serialized_output == "5"
    assert await state_of(world) == 5
    assert await state_of(world, EntityInstanceId("counter", "key")) is None


async def test_a_failed_operation_is_undone_alone_and_told(world: World) -> None:
    counter_of(world)
    await world.client.signal_entity(COUNTER, "add", 2)
    await world.client.signal_entity(COUNTER, "boom")
    assert "boom" in str((await world.run("call", ["boom", None])).serialized_output)
    assert (await world.run("call", ["get", None])).serialized_output == "2"


async def test_an_entity_that_nobody_has_fails_the_call(world: World) -> None:
    @world.workers.orchestrator
    def call(ctx: task.OrchestrationContext, _: Any) -> Any:
        yield ctx.call_entity(EntityInstanceId("missing", "k"), "get")

    state = await world.run("call")
    assert state.runtime_status == OrchestrationStatus.FAILED
    assert "'missing'" in str(state.failure_details)


async def test_signals_arrive_in_order_and_delayed_ones_at_their_time(world: World) -> None:
    counter_of(world)
    due = datetime.now(UTC) + timedelta(seconds=2)
    await world.client.signal_entity(COUNTER, "add", 100, signal_time=due)
    for amount in range(5):
        await world.client.signal_entity(COUNTER, "add", amount)
    await world.idle()
    assert await state_of(world) == 10
    await until(lambda: has_state(world, 110))
    assert datetime.now(UTC) >= due


async def test_an_entity_signals_others_and_starts_orchestrations(world: World) -> None:
    counter_of(world)

    @world.workers.orchestrator
    def begun(_: task.OrchestrationContext, value: int) -> int:
        return value

    await world.client.signal_entity(COUNTER, "add", 7)
    await world.client.signal_entity(COUNTER, "later", "begun")
    await world.client.signal_entity(COUNTER, "tell", "other")
    await world.idle()
    assert (await world.finished("from-entity")).serialized_output == "7"
    assert await state_of(world, EntityInstanceId("counter", "other")) == 5


def locker_of(world: World) -> None:
    @world.workers.orchestrator
    def locker(ctx: task.OrchestrationContext, keys: list[str]) -> Any:
        ids = [EntityInstanceId("counter", key) for key in keys]
        with (yield ctx.lock_entities(ids)):
            before = yield ctx.call_entity(ids[0], "get")
            ctx.set_custom_status("locked")
            yield ctx.wait_for_external_event("go")
            yield ctx.call_entity(ids[0], "add", 1)
            after = yield ctx.call_entity(ids[0], "get")
        return [before, after]


async def test_a_lock_keeps_everybody_else_out(world: World) -> None:
    counter_of(world)
    locker_of(world)
    instance_id = await world.start("locker", ["Key"])
    await until(lambda: world.hub.engine.locks.holder(str(COUNTER)) == instance_id)
    await world.client.signal_entity(COUNTER, "add", 1000)
    outsider = await world.start("call", ["add", 1000])
    await world.idle()
    await world.client.raise_orchestration_event(instance_id, "go")
    assert (await world.finished(instance_id)).serialized_output == "[0, 1]"
    await world.finished(outsider)
    await world.idle()
    assert await state_of(world) == 2001


def holds_one_of(world: World, instance_id: str, *entity_ids: str) -> bool:
    return any(world.hub.engine.locks.holder(one) == instance_id for one in entity_ids)


async def test_locks_are_given_in_the_order_they_were_asked_for_and_all_at_once(world: World) -> None:
    counter_of(world)
    locker_of(world)
    first = await world.start("locker", ["Key", "b"])
    await until(lambda: world.hub.engine.locks.holder("@counter@b") == first)
    second = await world.start("locker", ["b", "c"])
    await until(lambda: world.hub.engine.locks.contended)
    third = await world.start("locker", ["c", "Key"])
    await world.idle()
    assert world.hub.engine.locks.holder("@counter@c") is None
    for instance_id in (first, second, third):
        holds = partial(holds_one_of, world, instance_id, "@counter@b", "@counter@c")
        await until(holds)
        await world.client.raise_orchestration_event(instance_id, "go")
        await world.finished(instance_id)
    await world.idle()
    assert world.hub.engine.locks.idle


async def test_what_came_before_a_lock_runs_before_it(world: World) -> None:
    counter_of(world)

    @world.workers.orchestrator
    def signals_then_locks(ctx: task.OrchestrationContext, _: Any) -> Any:
        ctx.signal_entity(COUNTER, "add", 3)
        with (yield ctx.lock_entities([COUNTER])):
            return (yield ctx.call_entity(COUNTER, "get"))

    assert (await world.run("signals_then_locks")).serialized_output == "3"


async def test_a_lock_ends_with_its_holder(world: World) -> None:
    counter_of(world)
    locker_of(world)
    instance_id = await world.start("locker", ["Key"])
    await until(lambda: world.hub.engine.locks.holder(str(COUNTER)) == instance_id)
    waiting = await world.start("locker", ["Key"])
    await world.idle()
    await world.client.terminate_orchestration(waiting)
    await world.client.terminate_orchestration(instance_id)
    await world.finished(instance_id)
    assert (await world.run("call", ["add", 1])).serialized_output == "1"
    assert world.hub.engine.locks.idle


async def test_a_lock_outlives_the_process(world: World) -> None:
    counter_of(world)
    locker_of(world)
    instance_id = await world.start("locker", ["Key"])
    await until(lambda: world.hub.engine.locks.holder(str(COUNTER)) == instance_id)
    waiting = await world.start("locker", ["Key"])
    outsider = await world.start("call", ["add", 1000])
    await world.idle()
    await world.down()
    await world.up()
    await world.idle()
    assert world.hub.engine.locks.holder(str(COUNTER)) == instance_id
    await world.client.raise_orchestration_event(instance_id, "go")
    await world.client.raise_orchestration_event(waiting, "go")
    assert (await world.finished(instance_id)).serialized_output == "[0, 1]"
    assert (await world.finished(waiting)).runtime_status == OrchestrationStatus.COMPLETED
    await world.finished(outsider)


async def test_entities_are_asked_for_in_pages_and_cleaned(world: World) -> None:
    counter_of(world)

    @world.workers.entity
    def forgetful(_: EntityContext, __: Any) -> None:
        return None

    for key in "abcde":
        await world.client.signal_entity(EntityInstanceId("counter", key), "add", 1)
    await world.client.signal_entity(EntityInstanceId("forgetful", "x"), "anything")
    await world.idle()
    found = await world.client.get_all_entities(EntityQuery(page_size=2))
    assert [entity.id.key for entity in found] == list("abcde")
    prefix = EntityQuery(instance_id_starts_with="@counter@c")
    assert [entity.id.key for entity in await world.client.get_all_entities(prefix)] == ["c"]
    assert await world.client.get_entity(EntityInstanceId("forgetful", "x")) is None
    cleaned = await world.client.clean_entity_storage()
    assert (cleaned.empty_entities_removed, cleaned.orphaned_locks_released) == (1, 0)
    assert len(await world.client.get_all_entities(EntityQuery(include_transient=True))) == 5


async def test_operations_survive_a_batch_that_could_not_be_run(world: World) -> None:
    counter_of(world)
    world.workers.faults = [RuntimeError("the machinery failed")] * 2
    await world.client.signal_entity(COUNTER, "add", 1)
    await until(lambda: not world.workers.faults)
    await until(lambda: has_state(world, 1))
