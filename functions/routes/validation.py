"""The HTTP routes of validation; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.validation import ValidateIntent, ValidationReport

VALIDATE_INTENT = Route(
    name="validate_intent",
    method="POST",
    path="v1/intents/validate",
    summary="Say what is wrong with an intent, and store nothing",
    operation="intents.validate",
    body=ValidateIntent,
    response=ValidationReport,
)
INTENT_SCHEMA = Route(
    name="intent_schema",
    method="GET",
    path="v1/schemas/intent.json",
    summary="The JSON Schema of an intent, for editors",
    operation=None,
    response=None,
    headers=("ETag",),
)
