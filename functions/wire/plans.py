"""What plans look like on the wire."""

from collections.abc import Sequence
from typing import Any

from shared.domain.plans import PlanStep
from shared.domain.previews import Inputs, Preview, Unresolved


def plan(value: Preview) -> dict[str, Any]:
    steps = value.plan.every_step
    return {
        "intent_id": value.intent.id,
        "plan_hash": value.hash,
        "target": value.plan.target,
        "parameters": value.parameters,
        "graph": {
            "nodes": [
                {
                    "id": one.step.id,
                    "section": "finally" if one.last else "steps",
                    "depends_on": one.step.depends_on,
                    "when": one.step.when,
                    "holds": one.holds,
                    "continue_on_error": one.step.continue_on_error,
                    **_planned(value, one.step, one.inputs),
                    "foreach": {
                        "items": one.items.value,
                        "unresolved": _unresolved(one.items.unresolved),
                        "concurrency": one.step.concurrency,
                    }
                    if one.items
                    else None,
                    "compensate": _planned(value, one.step.compensate, one.undone_with)
                    if one.step.compensate and one.undone_with
                    else None,
                }
                for one in value.steps
            ],
            "edges": [{"from": before, "to": step.id} for step in steps for before in step.depends_on],
        },
        "order": value.levels,
        "timeout": value.plan.timeout,
        "outputs": value.plan.outputs,
        "concurrency": value.plan.concurrency.model_dump() if value.plan.concurrency else None,
        "warnings": [one.to_json() for one in value.warnings],
        "blockers": [one.to_json() for one in value.blockers],
    }


def _unresolved(values: Sequence[Unresolved]) -> list[dict[str, Any]]:
    return [{"pointer": one.pointer, "steps": one.steps} for one in values]


def _planned(value: Preview, step: PlanStep, inputs: Inputs) -> dict[str, Any]:
    child = value.child_of(step)
    return {
        "action": step.action,
        "inputs": inputs.values,
        "unresolved": _unresolved(inputs.unresolved),
        "secrets": sorted(step.secrets),
        "timeout": step.timeout,
        "retry": step.retry.model_dump(),
        "side_effect": step.side_effect,
        "module_version": step.version,
        "where": inputs.where,
        "permission": value.permissions[step.action],
        "runs": {"intent_id": child.id, "status": child.status} if child else None,
    }
