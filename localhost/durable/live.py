"""Orchestrators of the SDK that stay alive between their turns, instead of being replayed in each.

A replay hands the orchestrator its whole history, event by event, and then the new events. One that has just
run a turn has taken in all of that but what the turn itself added: the confirmations of what it asked for.
Given those and the new events, it is where a replay would be (``durabletask.worker``, version 1.12:
``_OrchestrationExecutor.execute``); ``tests/durable`` runs every turn both ways.
"""

import logging
from collections.abc import Callable, Sequence
from contextvars import copy_context
from itertools import chain
from typing import override

from durabletask.internal import helpers, tracing
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.exceptions import AbandonOrchestrationError
from durabletask.worker import (
    ExecutionResults,
    TaskHubGrpcWorker,
    _OrchestrationExecutor,
    _RuntimeOrchestrationContext,
)

from localhost.durable import history
from localhost.durable.model import FAILED
from localhost.durable.workers import Answer

logger = logging.getLogger(__name__)


def begin(worker: TaskHubGrpcWorker, request: pb.OrchestratorRequest) -> Answer:
    """Replay an orchestrator of ``worker``, which emits no spans, and run a turn."""
    live = _Live(worker, request)
    response = live.begin(request)
    # A rewind rewrites the history, and runs nothing.
    return Answer(response, live if live.runs else None)


class _Executor(_OrchestrationExecutor):
    """The SDK's, which remembers the context that it made."""

    context: _RuntimeOrchestrationContext | None = None

    @override
    def process_event(self, ctx: _RuntimeOrchestrationContext, event: pb.HistoryEvent) -> None:
        self.context = ctx
        super().process_event(ctx, event)

    def go_on(
        self, confirmed: Sequence[pb.HistoryEvent], events: Sequence[pb.HistoryEvent]
    ) -> ExecutionResults:
        """What ``execute`` does, from where the context is."""
        context = self.context
        assert context is not None
        try:
            context._is_replaying = True  # noqa: SLF001 # the SDK's executor and context are one piece
            for event in confirmed:
                super().process_event(context, event)
            context._is_replaying = False  # noqa: SLF001
            for event in events:
                super().process_event(context, event)
        except Exception as error:  # noqa: BLE001 # whatever the orchestrator raises, it fails with
            context.set_failed(error)
        return ExecutionResults(context.get_actions(), context._encoded_custom_status)  # noqa: SLF001


class _Live:
    """Implements ``localhost.durable.workers.LiveOrchestrator``."""

    def __init__(self, worker: TaskHubGrpcWorker, request: pb.OrchestratorRequest) -> None:
        self._instance_id = request.instanceId
        self._span = history.apart(request.orchestrationTraceContext)
        self._variables = copy_context()
        """What the orchestrator sets is still set in its next turn."""
        self._variables.run(_trace, history.started(chain(request.pastEvents, request.newEvents)))
        self._executor = _Executor(
            worker._registry,  # noqa: SLF001 # as the worker makes its own
            worker._logger,  # noqa: SLF001
            worker._data_converter,  # noqa: SLF001
            self._span.spanID.value or None,
            worker.maximum_timer_interval,
            worker._exception_properties_provider,  # noqa: SLF001
        )

    @property
    def runs(self) -> bool:
        return self._executor.context is not None

    def begin(self, request: pb.OrchestratorRequest) -> pb.OrchestratorResponse:
        execute = self._executor.execute
        return self._turn(lambda: execute(request.instanceId, request.pastEvents, request.newEvents))

    async def go_on(
        self, confirmed: Sequence[pb.HistoryEvent], events: Sequence[pb.HistoryEvent]
    ) -> pb.OrchestratorResponse:
        return self._turn(lambda: self._executor.go_on(confirmed, events))

    def _turn(self, execute: Callable[[], ExecutionResults]) -> pb.OrchestratorResponse:
        try:
            result = self._variables.run(execute)
        except AbandonOrchestrationError:
            raise
        except Exception as error:
            logger.exception(
                "The orchestration %s failed in a turn that the SDK could not end", self._instance_id
            )
            failure = helpers.new_failure_details(error)
            end = helpers.new_complete_orchestration_action(-1, FAILED, "", failure)
            return pb.OrchestratorResponse(instanceId=self._instance_id, actions=[end])
        return pb.OrchestratorResponse(
            instanceId=self._instance_id,
            actions=result.actions,
            customStatus=helpers.get_string_value(result.encoded_custom_status),
            orchestrationTraceContext=self._span,
        )


def _trace(started: pb.ExecutionStartedEvent | None) -> None:
    """Set for the whole life of an orchestrator what the worker sets for a turn: its trace, and no spans."""
    tracing._SPAN_EMISSION_SUPPRESSED.set(True)  # noqa: SLF001
    if started is not None and started.HasField("parentTraceContext"):
        parent = tracing.extract_trace_context(started.parentTraceContext)
        if parent is not None:
            tracing.otel_context.attach(parent)  # type: ignore[attr-defined] # where it got the parent from
