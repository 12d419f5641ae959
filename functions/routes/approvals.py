"""The HTTP routes of approvals; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.approvals import ApprovalDecided, ApprovalPage, ApprovalQuery, DecideApproval

LIST_APPROVALS = Route(
    name="list_approvals",
    method="GET",
    path="v1/approvals",
    summary="List what waits for people's word, the longest wait first, or what they decided",
    operation="executions.read",
    query=ApprovalQuery,
    response=ApprovalPage,
)
APPROVE_STEP = Route(
    name="approve_step",
    method="POST",
    path="v1/executions/{id}/steps/{step}/approve",
    summary="Approve a step that waits for an approval",
    operation="executions.approve",
    body=DecideApproval,
    body_optional=True,
    response=ApprovalDecided,
    status=202,
    headers=("Location",),
    problems=(409, 503),
    durable=True,
)
REJECT_STEP = Route(
    name="reject_step",
    method="POST",
    path="v1/executions/{id}/steps/{step}/reject",
    summary="Reject a step that waits for an approval: it fails for good",
    operation="executions.approve",
    body=DecideApproval,
    body_optional=True,
    response=ApprovalDecided,
    status=202,
    headers=("Location",),
    problems=(409, 503),
    durable=True,
)
