"""HTTP: the tenant's secrets. Nothing here ever answers with a value."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions import routes_secrets, triggers, wire
from functions.edge import Call
from functions.replies import entity_tag, if_match, no_content, reply
from quantum.contract.pages import Paging
from quantum.contract.secrets import DeleteSecretQuery, PutSecret
from shared.bootstrap import Application
from shared.domain.secrets import NewSecret


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes_secrets.LIST_SECRETS: list_,
            routes_secrets.GET_SECRET: get,
            routes_secrets.PUT_SECRET: put,
            routes_secrets.DELETE_SECRET: delete,
        },
    )


async def list_(platform: Application, call: Call) -> Response:
    query: Paging = call.query
    found, following = await platform.secrets.list(call.caller, limit=query.limit, cursor=query.cursor)
    return reply(wire.page([wire.secret(one) for one in found], following))


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
