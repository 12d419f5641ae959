"""Tenants, for the platform's administrators and their own."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from quantum.client.addresses import path
from quantum.client.pages import Listing
from quantum.client.resources.resource import Resource, given
from quantum.contract.tenants import Tenant, TenantPage, TenantStatus, TenantSummary, TenantUsage


class Tenants(Resource):
    def list(
        self, *, status: TenantStatus | None = None, limit: int | None = None
    ) -> Listing[TenantSummary, TenantPage]:
        params = given({"status": status, "limit": limit})
        return Listing(self._transport, TenantSummary, TenantPage, path("tenants"), params)

    async def create(self, id: str, *, administrator: Mapping[str, str]) -> Tenant:
        """A tenant, and its first member: ``{"user": …, "issuer": …, "subject": …}``."""
        body = {"id": id, "administrator": administrator}
        return await self._change(Tenant, "POST", path("tenants"), body)

    async def get(self, id: str) -> Tenant:
        return await self._read(Tenant, path("tenants", id))

    async def etag(self, id: str) -> str:
        """The state of it that there is now, for ``if_match``."""
        return await self._etag(path("tenants", id))

    async def configure(self, id: str, settings: Mapping[str, Any], *, if_match: str | None = None) -> Tenant:
        """Settings to change: what is not named stays, None puts it back to nothing."""
        body = {"settings": settings}
        return await self._change(Tenant, "PATCH", path("tenants", id), body, if_match=if_match)

    async def usage(self, id: str) -> TenantUsage:
        """How much it uses of what it may."""
        return await self._read(TenantUsage, path("tenants", id, "usage"))

    async def allow(self, id: str, ceiling: Mapping[str, Any], *, if_match: str | None = None) -> Tenant:
        """What it may have at most, in place of what that was."""
        return await self._change(Tenant, "PUT", path("tenants", id, "ceiling"), ceiling, if_match=if_match)

    async def suspend(self, id: str, reason: str, *, if_match: str | None = None) -> Tenant:
        body = {"reason": reason}
        return await self._change(Tenant, "POST", path("tenants", id, "suspend"), body, if_match=if_match)

    async def resume(self, id: str, reason: str, *, if_match: str | None = None) -> Tenant:
        body = {"reason": reason}
        return await self._change(Tenant, "POST", path("tenants", id, "resume"), body, if_match=if_match)

    async def erase(self, id: str, *, if_match: str) -> Tenant:
        """Delete all of a suspended tenant, for good. ``if_match`` says which state of it you have seen."""
        return await self._change(Tenant, "DELETE", path("tenants", id), {}, if_match=if_match)

    def export(self, id: str) -> AsyncIterator[str]:
        """All that it has, as lines of JSON; the last is a manifest."""
        return self._lines(path("tenants", id, "export"), {})
