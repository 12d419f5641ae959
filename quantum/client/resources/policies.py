"""A tenant's own policies."""

from datetime import datetime

from quantum.client.addresses import path
from quantum.client.pages import Listing
from quantum.client.resources.resource import Resource, given
from quantum.contract.policies import Policy, PolicyDecision, PolicyPage


class Policies(Resource):
    def list(self, *, limit: int | None = None) -> Listing[Policy, PolicyPage]:
        return Listing(self._transport, Policy, PolicyPage, path("policies"), given({"limit": limit}))

    async def get(self, name: str) -> Policy:
        return await self._read(Policy, path("policies", name))

    async def put(
        self,
        name: str,
        policy: str,
        *,
        description: str | None = None,
        enabled: bool | None = None,
        if_match: str | None = None,
    ) -> Policy:
        """The policy (Cedar) as it shall be, new or in place of the one there is."""
        body = {"policy": policy, "description": description, "enabled": enabled}
        return await self._change(Policy, "PUT", path("policies", name), body, if_match=if_match)

    async def delete(self, name: str, *, if_match: str | None = None) -> None:
        await self._delete(path("policies", name), if_match=if_match)

    async def check(
        self,
        operation: str,
        resource: str | None = None,
        *,
        user: str | None = None,
        at: datetime | str | None = None,
        address: str | None = None,
    ) -> PolicyDecision:
        """Would it be allowed, and what decides? Nothing is done; without ``user``, you are meant."""
        body = {"operation": operation, "resource": resource, "user": user, "at": at, "address": address}
        return await self._change(PolicyDecision, "POST", path("policies", "check"), body)
