"""The HTTP routes of single steps; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.steps import StepDetail, StepQuery

GET_STEP = Route(
    name="get_step",
    method="GET",
    path="v1/executions/{id}/steps/{step}",
    summary="Get a step, or one of its items, with every attempt and what its action was given",
    operation="executions.read",
    query=StepQuery,
    response=StepDetail,
)
