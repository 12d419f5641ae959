"""The HTTP routes of validation; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.validation import IntentSchema, ValidateIntent, ValidationReport

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
TENANTS_INTENT_SCHEMA = Route(
    name="tenants_intent_schema",
    method="GET",
    path="v1/schemas/tenant/intent.json",
    summary="The same, with the actions of the tenant's own modules",
    operation="modules.read",
    response=IntentSchema,
    headers=("ETag",),
)
