"""Random programs, and an orchestrator that runs them."""

import random
from collections import Counter
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

from durabletask import task
from durabletask.entities import EntityInstanceId

from tests.durable.sdk import SdkWorkers

EVENTS = ("red", "green")
TOTAL = EntityInstanceId("total", "all")
RETRY = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=1), max_number_of_attempts=3)

type Operation = list[Any]
"""A name and its arguments; all of it JSON."""
type Program = list[Operation]


def functions(path: Path) -> SdkWorkers:
    """The orchestrator and what it calls."""
    workers = SdkWorkers(path)
    failures: Counter[str] = Counter()

    @workers.activity
    async def double(_: task.ActivityContext, n: int) -> int:
        return 2 * n

    @workers.activity
    async def shaky(_: task.ActivityContext, given: list[Any]) -> str:
        """Fails as often as it is told to."""
        key, times = given
        failures[key] += 1
        if failures[key] <= times:
            raise ValueError(f"{key} fails")
        return str(key)

    @workers.entity
    def total(context: Any, amount: int) -> int:
        value = int(context.get_state(int, 0)) + amount
        context.set_state(value)
        return value

    workers.orchestrator(program)
    return workers


def program(ctx: task.OrchestrationContext, operations: Program) -> Generator[Any, Any, Any]:
    results: list[str] = []
    for operation in operations:
        if operation[0] == "again":
            ctx.continue_as_new(operation[1], save_events=True)
            return None
        if operation[0] == "raise":
            raise RuntimeError(f"asked to, after {results}")
        try:
            results.append(repr((yield from _run(ctx, operation))))
        except task.TaskFailedError as error:
            results.append(str(error))
    return results


def _run(ctx: task.OrchestrationContext, operation: Operation) -> Generator[Any, Any, Any]:
    match operation:
        case ["all", parts]:
            return (yield task.when_all([_begun(ctx, part) for part in parts]))
        case ["any", parts]:
            tasks = [_begun(ctx, part) for part in parts]
            return tasks.index((yield task.when_any(tasks)))
        case ["lock"]:
            with (yield ctx.lock_entities([TOTAL])):
                return (yield ctx.call_entity(TOTAL, "add", 1))
        case ["uuid"]:
            return ctx.new_uuid()
        case ["signal" | "status" | "send", _]:
            return _told(ctx, operation)
        case _:
            return (yield _begun(ctx, operation))


def _told(ctx: task.OrchestrationContext, operation: Operation) -> None:
    """What nobody waits for."""
    match operation:
        case ["signal", n]:
            ctx.signal_entity(TOTAL, "add", n)
        case ["status", text]:
            ctx.set_custom_status(text)
        case ["send", name]:
            ctx.send_event(ctx.instance_id, name, data=ctx.current_utc_datetime.isoformat())


def _begun(ctx: task.OrchestrationContext, operation: Operation) -> task.Task[Any]:
    match operation:
        case ["double", n]:
            return ctx.call_activity("double", input=n)
        case ["shaky", key, times]:
            return ctx.call_activity("shaky", input=[key, times], retry_policy=RETRY)
        case ["timer", milliseconds]:
            return ctx.create_timer(timedelta(milliseconds=milliseconds))
        case ["event", name]:
            return ctx.wait_for_external_event(name)
        case ["child", part]:
            return ctx.call_sub_orchestrator("program", input=part, retry_policy=RETRY)
        case ["call", n]:
            return ctx.call_entity(TOTAL, "add", n)
        case _:
            raise NotImplementedError(operation)


def random_program(dice: random.Random, depth: int = 2) -> Program:
    """A program whose children have children ``depth`` deep, and which begins anew as often at most."""
    operations = [_random_operation(dice, depth) for _ in range(dice.randint(1, 7))]
    if depth and dice.random() < 0.4:
        operations.append(["again", random_program(dice, depth - 1)])
    elif dice.random() < 0.1:
        operations.append(["raise"])
    return operations


def _random_operation(dice: random.Random, depth: int) -> Operation:
    kind = dice.choice(["task"] * 5 + ["all", "any", "lock", "uuid", "signal", "status", "send"])
    match kind:
        case "all" | "any":
            return [kind, [_random_task(dice, depth) for _ in range(dice.randint(1, 4))]]
        case "lock" | "uuid":
            return [kind]
        case "send":
            return [kind, dice.choice(EVENTS)]
        case "signal" | "status":
            return [kind, dice.randint(1, 9)]
        case _:
            return _random_task(dice, depth)


def _random_task(dice: random.Random, depth: int) -> Operation:
    kind = dice.choice(["double", "shaky", "timer", "event", "call", "child"])
    match kind:
        case "shaky":
            return [kind, f"{dice.getrandbits(40):x}", dice.randint(0, 3)]
        case "event":
            return [kind, dice.choice(EVENTS)]
        case "child" if depth:
            return [kind, random_program(dice, depth - 1)]
        case "child":
            return ["double", dice.randint(0, 99)]
        case _:
            return [kind, dice.randint(1, 40)]
