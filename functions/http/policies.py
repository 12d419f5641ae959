"""HTTP: the tenant's own policies."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import entity_tag, if_match, no_content, reply, resource
from functions.routes import policies as routes
from functions.wire import policies as wire
from functions.wire.pages import page
from quantum.contract.pages import Paging
from quantum.contract.policies import CheckPolicies, PutPolicy
from shared.bootstrap import Application
from shared.domain.policies import NewPolicy
from shared.services.tenancy.policy_checks import Question


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.LIST_POLICIES: list_,
            routes.GET_POLICY: get,
            routes.PUT_POLICY: put,
            routes.DELETE_POLICY: delete,
            routes.CHECK_POLICIES: check,
        },
    )


async def list_(platform: Application, call: Call) -> Response:
    query: Paging = call.query
    found, following = await platform.policies.list(call.caller, limit=query.limit, cursor=query.cursor)
    return reply(page([wire.policy(one) for one in found], following))


async def get(platform: Application, call: Call) -> Response:
    found = await platform.policies.get(call.caller, call.name)
    return resource(wire.policy(found), etag=found.etag, if_none_match=call.header(b"if-none-match"))


async def put(platform: Application, call: Call) -> Response:
    body: PutPolicy = call.body
    new = NewPolicy(body.policy, body.description, body.enabled)
    stored = await platform.policies.put(call.caller, call.name, new, if_match=if_match(call.headers))
    return reply(wire.policy(stored), headers={"ETag": entity_tag(stored.etag)})


async def delete(platform: Application, call: Call) -> Response:
    await platform.policies.delete(call.caller, call.name, if_match=if_match(call.headers))
    return no_content()


async def check(platform: Application, call: Call) -> Response:
    body: CheckPolicies = call.body
    question = Question(body.operation, body.resource, body.user, body.at, body.address)
    return reply(wire.policy_decision(await platform.policy_checks.check(call.caller, question)))
