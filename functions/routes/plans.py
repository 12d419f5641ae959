"""The HTTP routes of plans; a part of the table in ``table.py``."""

from functions.routes.route import DEPRECATED, Route
from quantum.contract.plans import Plan, PlanIntent

PLAN_INTENT = Route(
    name="plan_intent",
    method="POST",
    path="v1/intents/{id}/plan",
    summary="Say what executing an intent would do, and do nothing",
    operation="intents.plan",
    body=PlanIntent,
    body_optional=True,
    response=Plan,
    occasional=DEPRECATED,
    problems=(422,),
)
