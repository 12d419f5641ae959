"""HTTP: what an intent would be refused for, and the JSON Schema that editors complete it by."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import published, reply, resource
from functions.openapi import schemas
from functions.routes import validation as routes
from functions.wire import validation as wire
from quantum.contract.validation import ValidateIntent
from shared.bootstrap import Application
from shared.domain.validation.subject import Sent


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.VALIDATE_INTENT: validate,
            routes.INTENT_SCHEMA: schema,
            routes.TENANTS_INTENT_SCHEMA: tenants_schema,
        },
    )


async def validate(platform: Application, call: Call) -> Response:
    body: ValidateIntent = call.body
    sent = Sent(body.definition, body.name, body.description or "", body.labels)
    return reply(wire.report(await platform.validation.report(call.caller, sent)))


async def schema(platform: Application, call: Call) -> Response:
    made = schemas.intent(platform.schemas)
    return published(
        made.content, schemas.MEDIA_TYPE, etag=made.etag, if_none_match=call.header(b"if-none-match")
    )


async def tenants_schema(platform: Application, call: Call) -> Response:
    made = schemas.tenants_intent(platform.schemas, await platform.tenant_actions.own(call.caller.scope))
    return resource(made.content, etag=made.etag, if_none_match=call.header(b"if-none-match"))
