"""HTTP: the tenant's secrets. Nothing here ever answers with a value."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import entity_tag, if_match, no_content, reply
from functions.routes import secrets as routes
from functions.wire import secrets as wire
from functions.wire.pages import page
from quantum.contract.pages import Paging
from quantum.contract.secrets import DeleteSecretQuery, PutSecret
from shared.bootstrap import Application
from shared.domain.secrets import NewSecret


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.LIST_SECRETS: list_,
            routes.GET_SECRET: get,
            routes.PUT_SECRET: put,
            routes.DELETE_SECRET: delete,
        },
    )


async def list_(platform: Application, call: Call) -> Response:
    query: Paging = call.query
    found, following = await platform.secrets.list(call.caller, limit=query.limit, cursor=query.cursor)
    return reply(page([wire.secret(one) for one in found], following))


async def get(platform: Application, call: Call) -> Response:
    found, use, users = await platform.secrets.get(call.caller, call.name)
    # Whole each time: who uses it changes without a new ETag, which is for If-Match.
    return reply(wire.secret_detail(found, use, users), headers={"ETag": entity_tag(found.etag)})


async def put(platform: Application, call: Call) -> Response:
    body: PutSecret = call.body
    new = NewSecret(body.value.get_secret_value(), body.description)
    stored = await platform.secrets.put(call.caller, call.name, new, if_match=if_match(call.headers))
    return reply(wire.secret(stored), headers={"ETag": entity_tag(stored.etag)})


async def delete(platform: Application, call: Call) -> Response:
    query: DeleteSecretQuery = call.query
    await platform.secrets.delete(
        call.caller, call.name, if_match=if_match(call.headers), even_if_used=query.even_if_used
    )
    return no_content()
