"""What executions look like on the wire."""

from typing import Any

from functions.wire.paths import execution_path, intent_path
from shared.domain.events import Event
from shared.domain.executions import Execution


def execution_head(value: Execution) -> dict[str, Any]:
    """An execution in a list: all but its steps."""
    return {
        "execution_id": value.execution_id,
        "intent_id": value.intent_id,
        "tenant_id": value.tenant_id,
        "status": value.status,
        "parameters": value.parameters,
        "plan_hash": value.plan_hash,
        "progress": value.progress.to_json(),
        "error": value.error,
        "created_at": value.created_at,
        "started_at": value.started_at,
        "finished_at": value.finished_at,
        "created_by": value.created_by,
        "schedule": value.schedule,
        "parent": value.parent,
        "dry_run": value.dry_run,
        "undecided": value.undecided,
        "retry_of": value.retry_of,
        "retried_by": value.retried_by,
        "links": links(value),
    }


def execution(value: Execution) -> dict[str, Any]:
    steps = [step.to_json() for step in value.steps]
    more = {"waiting": value.waiting, "steps": steps, "outputs": value.outputs}
    return execution_head(value) | {"progress": value.progress.to_json() | value.estimate.to_json()} | more


def accepted(value: Execution) -> dict[str, Any]:
    shown = {"successor": value.deprecation.successor} if value.deprecation else {}
    return shown | {"execution_id": value.execution_id, "status": value.status, "links": links(value)}


def links(value: Execution) -> dict[str, str]:
    path = execution_path(value.execution_id)
    return {"self": path, "events": path + "/events", "intent": intent_path(value.intent_id)}


def event(value: Event) -> dict[str, Any]:
    return {
        "cursor": value.cursor,
        "type": value.type,
        "execution_id": value.execution_id,
        "time": value.time,
        **value.data,
    }
