"""The platform's purge of what has ended, by every adapter, of a real hub."""

from datetime import UTC, datetime, timedelta
from typing import Any

from durabletask import task
from durabletask.client import OrchestrationStatus

from localhost.orchestrations import HubOrchestrations
from shared.ports.orchestrations import Orchestrations
from tests.durable.conftest import World, until
from tests.durable.test_orchestrations import chain_of, waiter


async def known(world: World, *instances: str) -> list[bool]:
    return [await world.client.get_orchestration_state(one) is not None for one in instances]


async def child_begun(world: World) -> bool:
    return (await known(world, "child"))[0]


async def test_what_has_ended_goes_and_what_runs_or_failed_stays(
    world: World, orchestrations: Orchestrations
) -> None:
    waiter(world)
    chain_of(world)

    @world.workers.orchestrator
    def fail(_: task.OrchestrationContext, __: Any) -> None:
        raise ValueError("broken")

    @world.workers.orchestrator
    def parent(ctx: task.OrchestrationContext, n: int) -> Any:
        yield ctx.call_sub_orchestrator("chain", input=n, instance_id="child")
        yield ctx.wait_for_external_event("go")

    completed = (await world.run("chain", 3)).instance_id
    failed = await world.run("fail")
    assert failed.runtime_status is OrchestrationStatus.FAILED
    stopped, running = await world.start("wait", ["go"]), await world.start("wait", ["go"])
    with_child = await world.start("parent", 2)
    await until(lambda: child_begun(world))
    await world.finished("child")
    await world.client.terminate_orchestration(stopped)
    await world.finished(stopped)
    now = datetime.now(UTC)
    assert await orchestrations.purge_ended(created_before=now - timedelta(hours=1))
    every = completed, stopped, failed.instance_id, running, with_child
    assert await known(world, *every) == [True] * 5
    assert await orchestrations.purge_ended(created_before=now)
    assert await known(world, *every) == [False, False, True, True, True]
    await world.client.raise_orchestration_event(running, "go")
    await world.client.raise_orchestration_event(with_child, "go")
    for instance in (running, with_child):
        assert (await world.finished(instance)).runtime_status is OrchestrationStatus.COMPLETED
    await orchestrations.purge(instance_id=failed.instance_id)
    assert await known(world, failed.instance_id) == [False]


async def test_the_space_of_what_was_purged_is_used_again(
    world: World, orchestrations: Orchestrations
) -> None:
    chain_of(world)

    async def round_() -> int:
        """Ten instances with histories, purged; how many pages the file then has."""
        for _ in range(10):
            await world.run("chain", 20)
        assert await orchestrations.purge_ended(created_before=datetime.now(UTC) + timedelta(hours=1))
        pages = await world.hub.engine.store.read(
            lambda connection: connection.execute("PRAGMA page_count").fetchone()[0]
        )
        return int(pages)

    sizes = [await round_() for _ in range(5)]
    assert sizes[-1] <= sizes[1] * 1.2, sizes


async def test_a_hub_that_is_written_anew_has_no_byte_of_what_was_purged(world: World) -> None:
    waiter(world)
    here = HubOrchestrations()
    here.connect(world.hub)
    running, ended = await world.start("wait", ["go"]), await world.start("wait", ["planted7f3a9c"])
    await here.terminate(instance_id=ended, reason="planted7f3a9c")
    await world.finished(ended)

    def planted() -> bool:
        files = sorted(world.path.parent.glob(f"{world.path.name}*"))
        return b"planted7f3a9c" in b"".join(file.read_bytes() for file in files)

    assert planted()
    await here.purge(instance_id=ended)
    await here.compact()
    assert not planted()
    await world.client.raise_orchestration_event(running, "go")
    assert (await world.finished(running)).runtime_status is OrchestrationStatus.COMPLETED
