"""An app that blocks its own event loop, on a loop apart from the hub's."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from durabletask import task
from durabletask.client import TaskHubGrpcClient

from localhost.durable.apart import WorkersApart
from localhost.durable.sidecar import Sidecar
from tests.durable.sdk import SdkWorkers


@pytest.fixture
def app_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def test_an_async_activity_may_call_the_hub_with_the_synchronous_client(
    tmp_path: Path, app_loop: asyncio.AbstractEventLoop
) -> None:
    workers = SdkWorkers(tmp_path / "hub.db")
    address = ""

    @workers.activity
    async def asks(context: task.ActivityContext, _: Any) -> str | None:
        with TaskHubGrpcClient(host_address=address) as client:
            state = client.get_orchestration_state(context.orchestration_id)
        return None if state is None else state.runtime_status.name

    @workers.orchestrator
    def calls(ctx: task.OrchestrationContext, _: Any) -> Any:
        return (yield ctx.call_activity(asks))

    hub = Sidecar(tmp_path / "hub.db", workers=WorkersApart(workers, app_loop))
    await hub.start()
    address = await hub.serve()
    status = await asyncio.wait_for(hub.wait(await hub.start_instance("calls")), 60)
    assert status is not None
    assert status.output == '"RUNNING"'
    await hub.drain(1)
