"""HTTP: tenants and their settings."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions import routes_tenants, triggers, wire
from functions.edge import Call
from functions.replies import entity_tag, if_match, reply, resource
from quantum.contract.tenants import ChangeTenant, CreateTenant, PatchTenant, PutCeiling, TenantQuery
from shared.bootstrap import Application
from shared.domain.allowances import Allowance
from shared.domain.standings import Administrator
from shared.domain.tenants import Tenant


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes_tenants.LIST_TENANTS: list_,
            routes_tenants.CREATE_TENANT: create,
            routes_tenants.GET_TENANT: get,
            routes_tenants.PATCH_TENANT: patch,
            routes_tenants.GET_USAGE: usage,
            routes_tenants.PUT_CEILING: allow,
            routes_tenants.SUSPEND_TENANT: suspend,
            routes_tenants.RESUME_TENANT: resume,
            routes_tenants.ERASE_TENANT: erase,
        },
    )


async def list_(platform: Application, call: Call) -> Response:
    query: TenantQuery = call.query
    found, following = await platform.tenant_changes.list(
        query.status, limit=query.limit, cursor=query.cursor
    )
    return reply(wire.page([wire.tenant_summary(one) for one in found], following))


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
