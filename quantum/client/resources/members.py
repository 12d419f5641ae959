"""Members of the tenant."""

from collections.abc import Mapping, Sequence
from typing import Any

from quantum.client.addresses import path
from quantum.client.pages import Listing
from quantum.client.resources.resource import Resource, given
from quantum.contract.members import Me, Member, MemberKind, MemberPage


class Members(Resource):
    async def me(self) -> Me:
        """Who you are, in which tenants, and what is permitted to you."""
        return await self._read(Me, path("me"))

    def list(self, *, role: str | None = None, limit: int | None = None) -> Listing[Member, MemberPage]:
        params = given({"role": role, "limit": limit})
        return Listing(self._transport, Member, MemberPage, path("members"), params)

    async def get(self, user: str) -> Member:
        return await self._read(Member, path("members", user))

    async def put(
        self,
        user: str,
        roles: Sequence[str],
        *,
        attributes: Mapping[str, Any] | None = None,
        kind: MemberKind | None = None,
        issuer: str | None = None,
        subject: str | None = None,
        if_match: str | None = None,
    ) -> Member:
        """The member as it shall be. A new one needs ``issuer`` and ``subject``, which are fixed then.

        Attributes that are left out are none: they take the place of those there are.
        """
        body = {"roles": roles, "attributes": attributes, "kind": kind, "issuer": issuer, "subject": subject}
        return await self._change(Member, "PUT", path("members", user), body, if_match=if_match)

    async def delete(self, user: str, *, if_match: str | None = None) -> None:
        await self._delete(path("members", user), if_match=if_match)
