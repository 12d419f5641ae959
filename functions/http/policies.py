"""HTTP: the tenant's own policies."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions import routes_policies, triggers, wire
from functions.edge import Call
from functions.replies import entity_tag, if_match, no_content, reply, resource
from quantum.contract.pages import Paging
from quantum.contract.policies import CheckPolicies, PutPolicy
from shared.bootstrap import Application
from shared.domain.policies import NewPolicy
from shared.services.policy_checks import Question


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes_policies.LIST_POLICIES: list_,
            routes_policies.GET_POLICY: get,
            routes_policies.PUT_POLICY: put,
            routes_policies.DELETE_POLICY: delete,
            routes_policies.CHECK_POLICIES: check,
        },
    )


async def list_(platform: Application, call: Call) -> Response:
    query: Paging = call.query
    found, following = await platform.policies.list(call.caller, limit=query.limit, cursor=query.cursor)
    return reply(wire.page([wire.policy(one) for one in found], following))


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
