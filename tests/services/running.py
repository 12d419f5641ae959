"""Running an execution of the workshop to its end: the real workflow and services, in virtual time."""

import asyncio
from collections.abc import Mapping
from typing import Any

from shared.domain.executions import Execution
from tests.services.conftest import Workshop
from tests.workflow.generators import Generators
from tests.workflow.world import World


async def run(workshop: Workshop, execution: Execution, *, cancel_at: float | None = None) -> Execution:
    """Let the orchestration that was started run, each attempt taking a second; how the execution ended."""
    loop = asyncio.get_running_loop()
    _, work = workshop.orchestrations.started[execution.execution_id]

    def act(request: Mapping[str, Any]) -> tuple[float, Any]:
        workshop.clock.advance(1)
        return 1.0, asyncio.run_coroutine_threadsafe(workshop.steps.run(request), loop).result()

    world = World(Generators(), act)
    await asyncio.to_thread(world.run, work, cancel_at=cancel_at)
    (end,) = world.finished
    await workshop.endings.finish(end)
    return await workshop.executions.get(workshop.ada, execution.execution_id)


def states(execution: Execution) -> dict[str, str]:
    return {step.id: step.status for step in execution.steps}
