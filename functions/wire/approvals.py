"""What decisions about approvals look like on the wire."""

from typing import Any

from shared.domain.approvals import Approval


def decided(execution_id: str, value: Approval) -> dict[str, Any]:
    return {"execution_id": execution_id, "step": value.step, "approval": value.shown()}
