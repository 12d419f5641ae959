"""What survives: a killed process, a stopped one, failing machinery, a full disk."""

import asyncio
import sqlite3
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from durabletask import task
from durabletask.client import OrchestrationStatus

from localhost.durable.hub import TaskHub
from localhost.durable.model import micros
from localhost.durable.queries import InstanceFilter
from localhost.sqlite.writer import StorageUnavailableError
from tests.durable.conftest import World, until
from tests.durable.crash import functions
from tests.durable.test_orchestrations import chain_of, waiter


async def test_what_a_client_has_no_patience_for_is_done_all_the_same(world: World) -> None:
    waiter(world)
    hub, gate = world.hub, threading.Event()
    before = asyncio.create_task(hub.engine.store.write(lambda _: gate.wait(60)))
    start = asyncio.create_task(hub.start_instance("wait", instance_id="one", input='["go"]'))
    await asyncio.sleep(0)  # both are on their way to the writer now
    start.cancel()
    await asyncio.wait({start})
    gate.set()
    assert await before
    await world.started("one")
    gate.clear()
    before = asyncio.create_task(hub.engine.store.write(lambda _: gate.wait(60)))
    event = asyncio.create_task(hub.raise_event("one", "go", "1"))
    await asyncio.sleep(0)
    event.cancel()
    await asyncio.wait({event})
    gate.set()
    assert await before
    assert (await world.finished("one")).serialized_output == "[1]"


@pytest.mark.parametrize("after", [0.02, 0.1, 0.2, 0.3])
async def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path, after: float) -> None:
    path = tmp_path / "hub.db"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.durable.crash", str(path), "12",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    first = await process.stdout.readline()
    asyncio.get_running_loop().call_later(after, process.kill)
    acknowledged = {f"work-{int(line)}" for line in [first, *(await process.stdout.read()).splitlines()]}
    await process.wait()
    hub = TaskHub(path, workers=functions(path))
    await hub.start()
    known, _ = await hub.query(InstanceFilter(id_prefix="work-"), size=100)
    ids = {status.instance_id for status in known if status.parent_id is None}
    assert ids >= acknowledged
    for instance_id in ids:
        status = await asyncio.wait_for(hub.wait(instance_id), 60)
        assert status is not None
        assert status.output == "11"
    total = await hub.entity("@total@all")
    await hub.drain(1)
    # Each operation on the entity counted once, although activities may have run twice.
    assert total is not None
    assert total.state == str(11 * len(ids))


async def test_a_timer_that_came_due_while_nobody_ran_fires_at_the_start(world: World) -> None:
    offset = [timedelta()]

    def clock() -> int:
        return micros(datetime.now(UTC) + offset[0])

    @world.workers.orchestrator
    def sleeper(ctx: task.OrchestrationContext, _: Any) -> Any:
        yield ctx.create_timer(timedelta(days=30))
        return "slept"

    await world.down()
    await world.up(now=clock)
    instance_id = await world.start("sleeper")
    await world.started(instance_id)
    # Timers of more than three days are made of legs by the SDK: each start is further on.
    for _ in range(10):
        await world.idle()
        await world.down()
        offset[0] += timedelta(days=3, minutes=1)
        await world.up(now=clock)
    assert (await world.finished(instance_id)).serialized_output == '"slept"'


async def test_draining_records_the_results_of_what_was_running(world: World) -> None:
    gate = asyncio.Event()
    runs: list[int] = []

    @world.workers.activity
    async def slow(_: task.ActivityContext, __: Any) -> str:
        runs.append(1)
        await gate.wait()
        return "done"

    @world.workers.orchestrator
    def calls(ctx: task.OrchestrationContext, _: Any) -> Any:
        return (yield ctx.call_activity(slow))

    instance_id = await world.start("calls")
    await until(lambda: bool(runs))
    stopping = asyncio.create_task(world.down(grace=5))
    await until(lambda: all(lane._stopped for lane in world.hub.engine.lanes))
    gate.set()
    await stopping
    await world.up()
    assert (await world.finished(instance_id)).serialized_output == '"done"'
    assert len(runs) == 1


async def test_draining_cuts_off_what_takes_too_long_and_runs_it_again(world: World) -> None:
    runs: list[int] = []

    @world.workers.activity
    async def slow(_: task.ActivityContext, __: Any) -> int:
        runs.append(1)
        if len(runs) == 1:
            await asyncio.Event().wait()
        return len(runs)

    @world.workers.orchestrator
    def calls(ctx: task.OrchestrationContext, _: Any) -> Any:
        return (yield ctx.call_activity(slow))

    instance_id = await world.start("calls")
    await until(lambda: bool(runs))
    await world.down(grace=0.05)
    await world.up()
    assert (await world.finished(instance_id)).serialized_output == "2"


async def test_errors_of_a_turn_lose_none_of_its_messages(world: World) -> None:
    waiter(world)
    instance_id = await world.start("wait", ["a", "b"])
    await world.idle()
    world.workers.faults = [RuntimeError("the machinery failed")] * 3
    await world.client.raise_orchestration_event(instance_id, "a", data=1)
    await world.client.raise_orchestration_event(instance_id, "b", data=2)
    assert (await world.finished(instance_id)).serialized_output == "[1, 2]"
    assert world.workers.faults == []


async def test_messages_to_a_suspended_instance_survive_a_restart(world: World) -> None:
    waiter(world)
    instance_id = await world.start("wait", ["go"])
    await world.client.suspend_orchestration(instance_id)
    await world.client.raise_orchestration_event(instance_id, "go", data=1)
    await world.down()
    await world.up()
    await world.client.resume_orchestration(instance_id)
    assert (await world.finished(instance_id)).serialized_output == "[1]"


class Full:
    """Fills the disk of a database: no page beyond those it has."""

    def __init__(self, world: World) -> None:
        self._hub = world.hub

    def _limit(self, pages: int) -> None:
        connection = self._hub.engine.store._writer._connection
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def __enter__(self) -> None:
        self._limit(1)

    def __exit__(self, *_: object) -> None:
        self._limit(1 << 30)


async def test_a_full_disk_refuses_what_is_new_and_keeps_what_is_going(world: World) -> None:
    gate = asyncio.Event()

    @world.workers.activity
    async def slow(_: task.ActivityContext, __: Any) -> str:
        await gate.wait()
        return "x" * 100_000

    @world.workers.orchestrator
    def calls(ctx: task.OrchestrationContext, _: Any) -> Any:
        return (yield ctx.call_activity(slow))

    instance_id = await world.start("calls")
    await world.started(instance_id)
    with Full(world):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await world.start("calls", "y" * 100_000)
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
        with pytest.raises(StorageUnavailableError):
            await world.hub.raise_event(instance_id, "e", '"' + "y" * 100_000 + '"')
        gate.set()
        await until(lambda: not world.hub.engine.pending)
    state = await world.finished(instance_id)
    assert state.runtime_status == OrchestrationStatus.COMPLETED
    assert len(state.serialized_output or "") == 100_002


async def test_only_so_much_history_is_kept_in_memory(world: World) -> None:
    chain_of(world)
    await world.down()
    await world.up(limits=world.hub.limits.__class__(cached_events=50))
    waiter(world)
    ids = [await world.start("wait", ["go"]) for _ in range(20)]
    for instance_id in ids:
        await world.started(instance_id)
    assert len(world.hub.engine.cache._snapshots) < 10
    for instance_id in ids:
        await world.client.raise_orchestration_event(instance_id, "go", data=1)
    for instance_id in ids:
        assert (await world.finished(instance_id)).serialized_output == "[1]"


async def test_a_locked_database_refuses_what_is_new_and_goes_on_when_it_is_free(world: World) -> None:
    chain_of(world)
    waiter(world)
    instance_id = await world.start("wait", ["go"])
    await world.started(instance_id)
    await world.client.raise_orchestration_event(instance_id, "go", data=1)
    world.hub.engine.store._writer._connection.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(world.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await world.start("chain", 1)
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    other.execute("ROLLBACK")
    other.close()
    assert (await world.finished(instance_id)).serialized_output == "[1]"
    assert (await world.run("chain", 2)).serialized_output == "2"
