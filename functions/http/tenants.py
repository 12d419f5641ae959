"""HTTP: tenants and their settings."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import entity_tag, if_match, reply, resource
from functions.routes import tenants as routes
from functions.wire import tenants as wire
from functions.wire.pages import page
from quantum.contract.tenants import ChangeTenant, CreateTenant, PatchTenant, PutCeiling, TenantQuery
from shared.bootstrap import Application
from shared.domain.allowances import Allowance
from shared.domain.standings import Administrator
from shared.domain.tenants import Tenant


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.LIST_TENANTS: list_,
            routes.CREATE_TENANT: create,
            routes.GET_TENANT: get,
            routes.PATCH_TENANT: patch,
            routes.GET_USAGE: usage,
            routes.PUT_CEILING: allow,
            routes.SUSPEND_TENANT: suspend,
            routes.RESUME_TENANT: resume,
            routes.ERASE_TENANT: erase,
        },
    )


async def list_(platform: Application, call: Call) -> Response:
    query: TenantQuery = call.query
    found, following = await platform.tenant_changes.list(
        query.status, limit=query.limit, cursor=query.cursor
    )
    return reply(page([wire.tenant_summary(one) for one in found], following))


async def create(platform: Application, call: Call) -> Response:
    body: CreateTenant = call.body
    first = Administrator(**body.administrator.model_dump())
    made = await platform.tenant_changes.create(call.caller, body.id, first)
    headers = {"ETag": entity_tag(made.etag), "Location": f"/api/v1/tenants/{made.id}"}
    return reply(wire.tenant(made), status=201, headers=headers)


async def get(platform: Application, call: Call) -> Response:
    tenant = await platform.configuration.get(call.caller, call.id)
    return resource(wire.tenant(tenant), etag=tenant.etag, if_none_match=call.header(b"if-none-match"))


async def patch(platform: Application, call: Call) -> Response:
    body: PatchTenant = call.body
    changes = body.settings.model_dump(exclude_unset=True)
    return _shown(
        await platform.configuration.configure(call.caller, call.id, changes, if_match=if_match(call.headers))
    )


async def usage(platform: Application, call: Call) -> Response:
    return reply(wire.usage(await platform.usages.of(call.caller, call.id)))


async def allow(platform: Application, call: Call) -> Response:
    body: PutCeiling = call.body
    ceiling = Allowance.of(body.model_dump())
    return _shown(
        await platform.tenant_changes.allow(call.caller, call.id, ceiling, if_match=if_match(call.headers))
    )


async def suspend(platform: Application, call: Call) -> Response:
    body: ChangeTenant = call.body
    return _shown(
        await platform.tenant_changes.suspend(
            call.caller, call.id, body.reason, if_match=if_match(call.headers)
        )
    )


async def resume(platform: Application, call: Call) -> Response:
    body: ChangeTenant = call.body
    return _shown(
        await platform.tenant_changes.resume(
            call.caller, call.id, body.reason, if_match=if_match(call.headers)
        )
    )


async def erase(platform: Application, call: Call) -> Response:
    return _shown(
        await platform.tenant_changes.erase(call.caller, call.id, if_match=if_match(call.headers)), status=202
    )


def _shown(tenant: Tenant, *, status: int = 200) -> Response:
    return reply(wire.tenant(tenant), status=status, headers={"ETag": entity_tag(tenant.etag)})
