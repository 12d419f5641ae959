"""The orchestrators and activities of executions: the workflow on Durable Functions.

Released orchestrators are replayed for ever (``tests/replay/histories``): a change that breaks a history
needs a new orchestrator beside the old one.
"""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df
from durabletask import task

from shared.bootstrap import Application
from shared.workflow import executions
from shared.workflow.context import Task

EXECUTION = "execution"
SEGMENT = "execution_segment"
RUN_STEP = "run_step_attempt"
FINISH = "finish_execution"

INFRASTRUCTURE = task.RetryPolicy(
    first_retry_interval=timedelta(seconds=1),
    max_number_of_attempts=1000,
    backoff_coefficient=2,
    max_retry_interval=timedelta(seconds=60),
)
"""For an activity that raises: the store was away, not the step wrong (that is an outcome). With these
figures it is tried for some 16 hours. A ``retry_timeout`` must never be set: it reads the wall clock in a
replay, and the orchestration hangs."""


class DurableContext:
    """The workflow's context over the SDK's.

    Every result says its type, as the SDK's codec demands of its strict mode and advises in its loose one.
    """

    def __init__(self, context: task.OrchestrationContext) -> None:
        self._context = context
        self._arrived: deque[task.Task[Any]] = deque()
        self._awaited: task.CompletableTask[task.Task[Any]] | None = None

    def now(self) -> datetime:
        return self._context.current_utc_datetime

    def run_step(self, request: dict[str, Any]) -> Task:
        return self._context.call_activity(
            RUN_STEP, input=request, retry_policy=INFRASTRUCTURE, return_type=dict
        )

    def run_segment(self, instance_id: str, work: dict[str, Any]) -> Task:
        return self._context.call_sub_orchestrator(
            SEGMENT, input=work, instance_id=instance_id, return_type=dict
        )

    def signal(self, instance_id: str, event: str, data: Any = None) -> None:
        self._context.send_event(instance_id, event, data=data)

    def finish(self, request: dict[str, Any]) -> Task:
        return self._context.call_activity(
            FINISH, input=request, retry_policy=INFRASTRUCTURE, return_type=object
        )

    def timer(self, seconds: float) -> Task:
        return self._context.create_timer(timedelta(seconds=seconds))

    def wait_event(self, name: str) -> Task:
        return self._context.wait_for_external_event(name, data_type=object)

    def watch(self, item: Task) -> None:
        assert isinstance(item, task.Task)
        _Watch(item, self._arrive)

    def arrival(self) -> Task:
        awaited: task.CompletableTask[task.Task[Any]] = task.CompletableTask()
        if self._arrived:
            awaited.complete(self._arrived.popleft())
        else:
            self._awaited = awaited
        return awaited

    def _arrive(self, item: task.Task[Any]) -> None:
        if self._awaited is None:
            self._arrived.append(item)
        else:
            awaited, self._awaited = self._awaited, None
            awaited.complete(item)

    def continue_as_new(self, work: dict[str, Any], waiting: Sequence[Task]) -> None:
        for item in waiting:
            # The SDK gives an event to the wait that stands, even when the generation is over; only one
            # that nobody waits for is carried into the next.
            if isinstance(item, task.CancellableTask):
                item.cancel()
        self._context.continue_as_new(work, save_events=True)


class _Watch(task.CompositeTask[Any]):
    """Tells that its one child has completed: the SDK calls a composite task back for that."""

    def __init__(self, child: task.Task[Any], arrive: Callable[[task.Task[Any]], None]) -> None:
        self._arrive = arrive
        super().__init__([child])

    def on_child_completed(self, task: task.Task[Any]) -> None:
        self._arrive(task)


# Orchestrators stay plain functions: a decorated one cannot be called by anything else.
def execution(context: task.OrchestrationContext, work: dict[str, Any]) -> Generator[Any, Any]:
    """One execution, from its first step to its recorded end."""
    return executions.execution(DurableContext(context), work)


def execution_segment(
    context: task.OrchestrationContext, work: dict[str, Any]
) -> Generator[Any, Any, dict[str, Any] | None]:
    """A part of a large execution."""
    return executions.segment(DurableContext(context), work)


def blueprint(platform: Application) -> df.Blueprint:
    """The functions of executions, acting on ``platform``."""
    functions = df.Blueprint()
    functions.orchestration_trigger(context_name="context", orchestration=EXECUTION)(execution)
    functions.orchestration_trigger(context_name="context", orchestration=SEGMENT)(execution_segment)

    @functions.activity_trigger(input_name="payload", activity=RUN_STEP)
    async def run_step_attempt(payload: dict) -> dict:  # type: ignore[type-arg]  # the worker's loader refuses dict[str, Any]
        outcome: dict[str, Any] = await platform.steps.run(payload)
        return outcome

    # An end gives a place to the next execution that waits for one, which is then started.
    @functions.activity_trigger(input_name="payload", activity=FINISH)
    @functions.generic_input_binding(arg_name="starter", type="durableClient", durableRequiresGrpc=True)
    async def finish_execution(payload: dict, starter: str) -> None:  # type: ignore[type-arg]  # as above
        platform.adapters.orchestrations.use(starter)
        await platform.endings.finish(payload)

    return functions
