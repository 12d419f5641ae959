"""Batches of operations on entities: one batch per entity at a time, in the order of arrival."""

from collections.abc import Callable, Sequence
from functools import partial

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable import history
from localhost.durable.commits import Batch, commit_batch
from localhost.durable.engine import Engine
from localhost.durable.history import maybe
from localhost.durable.lanes import Lane, Route, Where
from localhost.durable.model import Message, is_entity, micros_of

MOST_OPERATIONS = 500


def entity_name(entity_id: str) -> str:
    """The name in ``@name@key``, lower-case as it is registered."""
    return entity_id[1:].partition("@")[0].lower()


def normalized(entity_id: str) -> str:
    """``entity_id`` as it is stored: the name is not case-sensitive, the key is."""
    name, separator, key = entity_id[1:].partition("@")
    return f"@{name.lower()}{separator}{key}" if is_entity(entity_id) else entity_id


def signal(at: int, name: str, value: str | None, request_id: str, entity_id: str) -> pb.HistoryEvent:
    return history.event(
        at,
        entityOperationSignaled=pb.EntityOperationSignaledEvent(
            requestId=request_id,
            operation=name,
            input=history.text(value),
            targetInstanceId=history.text(entity_id),
        ),
    )


class EntityLane(Lane[str]):
    kind = "entity"

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.router, engine.limits.entities, engine.limits)
        self._engine = engine

    def subject(self, key: str) -> tuple[str, str | None] | None:
        return (entity_name(key), None) if self.more(key) else None

    def more(self, key: str) -> bool:
        return bool(self._admitted(key))

    def _admitted(self, key: str) -> list[Message]:
        return self._engine.locks.admit(key, self._engine.mailboxes.get(key))

    async def work(self, key: str, route: Route) -> None:
        engine = self._engine
        taken = self._admitted(key)[:MOST_OPERATIONS]
        if not taken:
            return
        request = pb.EntityBatchRequest(
            instanceId=key,
            entityState=history.text(engine.store.entity_state(key)),
            operations=[_operation(message) for message in taken],
        )
        result = await self._answer(request, route)
        batch = plan_batch(key, taken, result, now=engine.now(), next_id=engine.store.next_id)
        delivered = await engine.store.write_through(partial(commit_batch, batch=batch))
        engine.mailboxes.remove(key, batch.consumed)
        engine.deliver(delivered)
        engine.grant_locks()

    async def _answer(self, request: pb.EntityBatchRequest, route: Route) -> pb.EntityBatchResult:
        if route.where is Where.NOWHERE:
            return _unregistered(request)
        if route.worker is not None:
            item = pb.WorkItem(entityRequest=request)
            outside = self._router.outside
            response: pb.EntityBatchResult = await outside.perform(
                route.worker, self.kind, item, self._limits.turn_lease
            )
            return response
        assert self._router.workers is not None
        return await self._router.workers.operate(entity_name(request.instanceId), request)


def _operation(message: Message) -> pb.OperationRequest:
    one = message.events[0]
    called = one.HasField("entityOperationCalled")
    asked = one.entityOperationCalled if called else one.entityOperationSignaled
    return pb.OperationRequest(
        operation=asked.operation, requestId=asked.requestId, input=history.text(maybe(asked, "input"))
    )


def _unregistered(request: pb.EntityBatchRequest) -> pb.EntityBatchResult:
    name = entity_name(request.instanceId)
    failure = history.child_failure(
        "EntityNotRegisteredError", f"Entity function named '{name}' was not registered!"
    )
    failed = pb.OperationResult(failure=pb.OperationResultFailure(failureDetails=failure))
    state = request.entityState if request.HasField("entityState") else None
    return pb.EntityBatchResult(results=[failed] * len(request.operations), entityState=state)


def plan_batch(
    entity_id: str,
    taken: Sequence[Message],
    result: pb.EntityBatchResult,
    *,
    now: int,
    next_id: Callable[[], int],
) -> Batch:
    """What a batch changes. Operations beyond the results were not run, and stay.

    Raises:
        RuntimeError: the batch as a whole was not run.
    """
    if result.HasField("failureDetails") or not result.results:
        raise RuntimeError(f"the operations were not run: {result.failureDetails.errorMessage}")
    done = taken[: len(result.results)]
    batch = Batch(entity_id, now, done, maybe(result, "entityState"))
    for message, outcome in zip(done, result.results, strict=False):
        operation = message.events[0]
        if operation.HasField("entityOperationCalled"):
            batch.messages.append(_response(next_id(), operation.entityOperationCalled, outcome, now))
    for action in result.actions:
        if action.HasField("sendSignal"):
            batch.messages.append(_signal(next_id(), action, entity_id, now))
        elif action.HasField("startNewOrchestration"):
            asked = action.startNewOrchestration
            batch.instances.append(
                history.new_instance(
                    message_id=next_id(),
                    instance_id=asked.instanceId or f"{entity_id[1:]}:{next_id():x}",
                    name=asked.name,
                    at=now,
                    input=maybe(asked, "input"),
                    version=maybe(asked, "version"),
                    scheduled_at=micros_of(asked.scheduledTime) if asked.HasField("scheduledTime") else None,
                    trace=asked.parentTraceContext if asked.HasField("parentTraceContext") else None,
                )
            )
    return batch


def _response(
    message_id: int, called: pb.EntityOperationCalledEvent, outcome: pb.OperationResult, now: int
) -> Message:
    if outcome.HasField("failure"):
        failed = pb.EntityOperationFailedEvent(
            requestId=called.requestId, failureDetails=outcome.failure.failureDetails
        )
        answer = history.event(now, entityOperationFailed=failed)
    else:
        completed = pb.EntityOperationCompletedEvent(
            requestId=called.requestId, output=history.text(maybe(outcome.success, "result"))
        )
        answer = history.event(now, entityOperationCompleted=completed)
    generation = maybe(called, "parentExecutionId")
    return Message(message_id, called.parentInstanceId.value, generation, (answer,))


def _signal(message_id: int, action: pb.OperationAction, sender: str, now: int) -> Message:
    asked = action.sendSignal
    request_id = f"{sender}:{message_id:x}"
    target = normalized(asked.instanceId)
    later = micros_of(asked.scheduledTime) if asked.HasField("scheduledTime") else 0
    sent = signal(now, asked.name, maybe(asked, "input"), request_id, target)
    return Message(message_id, target, None, (sent,), visible_at=later)
