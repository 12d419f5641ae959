"""The HTTP routes of tenants; a part of the table in ``table.py``."""

from functions.routes.route import NDJSON, Route
from quantum.contract.tenants import (
    ChangeTenant,
    CreateTenant,
    PatchTenant,
    PutCeiling,
    Tenant,
    TenantPage,
    TenantQuery,
    TenantUsage,
)

LIST_TENANTS = Route(
    name="list_tenants",
    method="GET",
    path="v1/tenants",
    summary="List all tenants, by id (administrators of the platform)",
    operation="tenants.list",
    query=TenantQuery,
    response=TenantPage,
)
CREATE_TENANT = Route(
    name="create_tenant",
    method="POST",
    path="v1/tenants",
    summary="Make a tenant with its first administrator (administrators of the platform)",
    operation="tenants.create",
    body=CreateTenant,
    response=Tenant,
    status=201,
    headers=("ETag", "Location"),
    problems=(409, 422),
)
GET_TENANT = Route(
    name="get_tenant",
    method="GET",
    path="v1/tenants/{id}",
    summary="Get your tenant and its settings, or any as an administrator of the platform",
    operation="tenants.read",
    response=Tenant,
    headers=("ETag",),
)
PATCH_TENANT = Route(
    name="patch_tenant",
    method="PATCH",
    path="v1/tenants/{id}",
    summary="Change the settings of your tenant, or of any as an administrator of the platform",
    operation="tenants.configure",
    body=PatchTenant,
    response=Tenant,
    headers=("ETag",),
    problems=(409, 412, 422, 503),
    durable=True,
)
GET_USAGE = Route(
    name="get_usage",
    method="GET",
    path="v1/tenants/{id}/usage",
    summary="How much of its quotas and limits your tenant uses, or any as an administrator of the platform",
    operation="tenants.read",
    response=TenantUsage,
)
PUT_CEILING = Route(
    name="put_ceiling",
    method="PUT",
    path="v1/tenants/{id}/ceiling",
    summary="Say what a tenant may have at most (administrators of the platform)",
    operation="tenants.allow",
    body=PutCeiling,
    response=Tenant,
    headers=("ETag",),
    problems=(409, 412, 422, 503),
    durable=True,
)
SUSPEND_TENANT = Route(
    name="suspend_tenant",
    method="POST",
    path="v1/tenants/{id}/suspend",
    summary="Do nothing for a tenant's members any more (administrators of the platform)",
    operation="tenants.suspend",
    body=ChangeTenant,
    response=Tenant,
    headers=("ETag",),
    problems=(409, 412, 422),
)
RESUME_TENANT = Route(
    name="resume_tenant",
    method="POST",
    path="v1/tenants/{id}/resume",
    summary="Go on with a tenant that is suspended (administrators of the platform)",
    operation="tenants.suspend",
    body=ChangeTenant,
    response=Tenant,
    headers=("ETag",),
    problems=(409, 412, 422),
)
EXPORT_TENANT = Route(
    name="export_tenant",
    method="GET",
    path="v1/tenants/{id}/export",
    summary="All that your tenant has, a line for each document; also while it is suspended",
    operation="tenants.export",
    response=None,
    streams=NDJSON,
    while_suspended=True,
)
ERASE_TENANT = Route(
    name="erase_tenant",
    method="DELETE",
    path="v1/tenants/{id}",
    summary="Delete all of a tenant that is suspended, for good (administrators of the platform)",
    operation="tenants.erase",
    response=Tenant,
    status=202,
    headers=("ETag",),
    problems=(409, 412, 428),
)
