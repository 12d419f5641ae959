"""A hub with the SDK's client on its gRPC face, and the SDK's worker in process behind it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from durabletask.client import AsyncTaskHubGrpcClient, OrchestrationState

from localhost.durable.model import Limits
from localhost.durable.sidecar import Sidecar
from localhost.orchestrations import HubOrchestrations
from shared.adapters.durable.orchestrations import DurableOrchestrations
from shared.ports.orchestrations import Orchestrations
from tests.durable.sdk import DIFFERENCES, SdkWorkers

QUICK = Limits(first_retry=0.01, last_retry=0.05)

DEADLINE = 60
"""Seconds for what takes none, however busy the machine is."""


class World:
    """One file, and the hub that has it open now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.workers = SdkWorkers(path)
        self.hub: Sidecar
        self.client: AsyncTaskHubGrpcClient
        self.address = ""

    async def up(self, *, limits: Limits = QUICK, outside: bool = False, **options: Any) -> None:
        self.hub = Sidecar(self.path, workers=None if outside else self.workers, limits=limits, **options)
        await self.hub.start()
        self.address = await self.hub.serve()
        self.client = AsyncTaskHubGrpcClient(host_address=self.address)

    async def down(self, grace: float = 0.0) -> None:
        await self.client.close()
        await self.hub.drain(grace)

    async def start(self, name: str, input: Any = None, **options: Any) -> str:
        return await self.client.schedule_new_orchestration(name, input=input, **options)

    async def finished(self, instance_id: str) -> OrchestrationState:
        state = await self.client.wait_for_orchestration_completion(instance_id, timeout=DEADLINE)
        assert state is not None
        return state

    async def run(self, name: str, input: Any = None, **options: Any) -> OrchestrationState:
        return await self.finished(await self.start(name, input, **options))

    async def started(self, instance_id: str) -> OrchestrationState:
        state = await self.client.wait_for_orchestration_start(instance_id, timeout=DEADLINE)
        assert state is not None
        return state

    async def idle(self) -> None:
        """Until nothing is running or ready."""
        await until(
            lambda: not self.hub.engine.running() and not any(lane._ready for lane in self.hub.engine.lanes)
        )


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for a condition of anything."""
    async with asyncio.timeout(DEADLINE):
        while True:
            answer = condition()
            if (await answer) if isinstance(answer, Awaitable) else answer:
                return
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def replays_agree() -> Iterator[None]:
    yield
    different = list(DIFFERENCES)
    DIFFERENCES.clear()
    assert not different


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    one = World(tmp_path / "hub.db")
    await one.up()
    yield one
    await one.down()


@pytest.fixture(params=["the SDK's client", "the hub itself"])
async def orchestrations(world: World, request: pytest.FixtureRequest) -> AsyncIterator[Orchestrations]:
    """Every implementation of the port, over one hub."""
    if request.param == "the hub itself":
        here = HubOrchestrations()
        here.connect(world.hub)
        yield here
        return
    there = DurableOrchestrations()
    there.use(json.dumps({"rpcBaseUrl": f"http://{world.address}"}))
    yield there
    await there._connection().close()
