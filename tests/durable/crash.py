"""A process that is killed in the middle of its work: ``python -m tests.durable.crash FILE INSTANCES``."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from durabletask import task
from durabletask.entities import EntityInstanceId

from localhost.durable.hub import TaskHub
from tests.durable.sdk import SdkWorkers


def functions(path: Path) -> SdkWorkers:
    """The functions that both processes have for ``path``; every run of an activity is a line in its log."""
    workers = SdkWorkers(path)
    log = path.with_suffix(".log")

    @workers.activity
    async def plus(context: task.ActivityContext, n: int) -> int:
        with log.open("a") as file:  # a line
            file.write(f"{context.orchestration_id} {n}\n")
        await asyncio.sleep(0.005)
        return n + 1

    @workers.entity
    def total(context: Any, amount: int) -> int:
        value = int(context.get_state(int, 0)) + amount
        context.set_state(value)
        return value

    @workers.orchestrator
    def child(ctx: task.OrchestrationContext, n: int) -> Any:
        return (yield ctx.call_activity(plus, input=n))

    @workers.orchestrator
    def work(ctx: task.OrchestrationContext, steps: int) -> Any:
        value = 0
        for _ in range(steps):
            value = yield ctx.call_activity(plus, input=value)
        yield ctx.create_timer(timedelta(milliseconds=50))
        value = yield ctx.call_sub_orchestrator(child, input=value)
        yield ctx.call_entity(EntityInstanceId("total", "all"), "add", value)
        return value

    return workers


async def main(path: Path, instances: int) -> None:
    hub = TaskHub(path, workers=functions(path))
    await hub.start()
    for n in range(instances):
        await hub.start_instance("work", instance_id=f"work-{n}", input="10")
        print(n, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
