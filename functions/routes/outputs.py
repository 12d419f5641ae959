"""The HTTP routes of outputs; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.outputs import Outputs, OutputsQuery

GET_OUTPUTS = Route(
    name="get_outputs",
    method="GET",
    path="v1/executions/{id}/outputs",
    summary="Get what an execution has come to, whole",
    operation="executions.read",
    response=Outputs,
    headers=("ETag",),
)
GET_STEP_OUTPUTS = Route(
    name="get_step_outputs",
    method="GET",
    path="v1/executions/{id}/steps/{step}/outputs",
    summary="Get what a step, or one of its items, has come to, whole",
    operation="executions.read",
    query=OutputsQuery,
    response=Outputs,
    headers=("ETag",),
)
