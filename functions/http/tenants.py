"""HTTP: the caller's tenant and its settings."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions import routes, triggers, wire
from functions.edge import Call
from functions.replies import entity_tag, if_match, reply, resource
from quantum.contract.tenants import PatchTenant
from shared.bootstrap import Application


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(platform, {routes.GET_TENANT: get, routes.PATCH_TENANT: patch})


async def get(platform: Application, call: Call) -> Response:
    tenant = await platform.configuration.get(call.caller, call.id)
    return resource(wire.tenant(tenant), etag=tenant.etag, if_none_match=call.header(b"if-none-match"))


async def patch(platform: Application, call: Call) -> Response:
    body: PatchTenant = call.body
    changes = body.settings.model_dump(exclude_unset=True)
    tenant = await platform.configuration.configure(
        call.caller, call.id, changes, if_match=if_match(call.headers)
    )
    return reply(wire.tenant(tenant), headers={"ETag": entity_tag(tenant.etag)})
