"""HTTP: subscriptions and what was sent to them."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import entity_tag, no_content, reply, resource
from functions.routes import subscriptions as routes
from functions.wire import subscriptions as wire
from functions.wire.pages import page
from quantum.contract.pages import Paging
from quantum.contract.subscriptions import DeliveryQuery, PutSubscription
from shared.bootstrap import Application
from shared.domain.subscriptions import NewSubscription


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.LIST_SUBSCRIPTIONS: list_,
            routes.GET_SUBSCRIPTION: get,
            routes.PUT_SUBSCRIPTION: put,
            routes.DELETE_SUBSCRIPTION: delete,
            routes.LIST_DELIVERIES: deliveries,
        },
    )


async def list_(platform: Application, call: Call) -> Response:
    query: Paging = call.query
    found, following = await platform.subscriptions.list(call.caller, limit=query.limit, cursor=query.cursor)
    return reply(page([wire.subscription(one) for one in found], following))


async def get(platform: Application, call: Call) -> Response:
    found = await platform.subscriptions.get(call.caller, call.name)
    return resource(wire.subscription(found), etag=found.etag, if_none_match=call.header(b"if-none-match"))


async def put(platform: Application, call: Call) -> Response:
    body: PutSubscription = call.body
    new = NewSubscription(body.url, body.events, body.enabled, body.description, body.secret)
    stored, secret = await platform.subscriptions.put(call.caller, call.name, new)
    return reply(wire.subscription(stored, secret), headers={"ETag": entity_tag(stored.etag)})


async def delete(platform: Application, call: Call) -> Response:
    await platform.subscriptions.delete(call.caller, call.name)
    return no_content()


async def deliveries(platform: Application, call: Call) -> Response:
    query: DeliveryQuery = call.query
    found, following = await platform.subscriptions.deliveries(
        call.caller, call.name, status=query.status, limit=query.limit, cursor=query.cursor
    )
    return reply(page([wire.delivery(one) for one in found], following))
