"""What decisions about approvals look like on the wire."""

from typing import Any

from functions.wire.paths import execution_path
from shared.domain.approvals import Approval, Asked


def decided(execution_id: str, value: Approval) -> dict[str, Any]:
    return {"execution_id": execution_id, "step": value.step, "approval": value.shown()}


def asked(value: Asked) -> dict[str, Any]:
    path = execution_path(value.execution_id)
    step = f"{path}/steps/{value.approval.step}"
    return decided(value.execution_id, value.approval) | {
        "intent_id": value.intent_id,
        "created_by": value.approval.executed_by,
        "may_decide": value.may_decide,
        "links": {"execution": path, "approve": f"{step}/approve", "reject": f"{step}/reject"},
    }
