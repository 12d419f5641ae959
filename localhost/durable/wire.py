"""The engine's records as the protocol's messages."""

from datetime import UTC, datetime
from typing import Any

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable.history import text
from localhost.durable.model import EntityStatus, InstanceStatus, micros, timestamp


def time_of(message: Any, field: str) -> datetime | None:
    return getattr(message, field).ToDatetime(tzinfo=UTC) if message.HasField(field) else None


def state_of(status: InstanceStatus, *, payloads: bool) -> pb.OrchestrationState:
    def stamp(at: datetime | None) -> Any:
        return None if at is None else timestamp(micros(at))

    return pb.OrchestrationState(
        instanceId=status.instance_id,
        name=status.name,
        version=text(status.version),
        orchestrationStatus=status.status,  # type: ignore[arg-type] # the stub wants its own int type
        scheduledStartTimestamp=stamp(status.scheduled_at),
        createdTimestamp=stamp(status.created_at),
        lastUpdatedTimestamp=stamp(status.updated_at),
        input=text(status.input if payloads else None),
        output=text(status.output if payloads else None),
        customStatus=text(status.custom_status),
        failureDetails=status.failure,
        executionId=text(status.execution_id),
        completedTimestamp=stamp(status.completed_at),
        parentInstanceId=text(status.parent_id),
        tags=status.tags,
    )


def instance_of(status: InstanceStatus | None, request: pb.GetInstanceRequest) -> pb.GetInstanceResponse:
    if status is None:
        return pb.GetInstanceResponse(exists=False)
    return pb.GetInstanceResponse(
        exists=True, orchestrationState=state_of(status, payloads=request.getInputsAndOutputs)
    )


def entity_of(entity: EntityStatus, *, state: bool) -> pb.EntityMetadata:
    return pb.EntityMetadata(
        instanceId=entity.entity_id,
        lastModifiedTime=timestamp(micros(entity.updated_at)),
        backlogQueueSize=entity.backlog,
        lockedBy=text(entity.locked_by),
        serializedState=text(entity.state if state else None),
    )
