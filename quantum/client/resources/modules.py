"""Modules: what steps can do."""

from collections.abc import Mapping
from typing import Any

from quantum.client.addresses import path
from quantum.client.pages import Listing
from quantum.client.resources.resource import Resource, given
from quantum.contract.modules import Module, ModulePage


class Modules(Resource):
    def list(self, *, limit: int | None = None) -> Listing[Module, ModulePage]:
        return Listing(self._transport, Module, ModulePage, path("modules"), given({"limit": limit}))

    async def get(self, name: str) -> Module:
        return await self._read(Module, path("modules", name))

    async def put(
        self, name: str, *, endpoint: str, manifest: Mapping[str, Any], if_match: str | None = None
    ) -> Module:
        """A module of the tenant's own, or a version of it. The key of a new one is shown this once."""
        body = {"endpoint": endpoint, "manifest": manifest}
        return await self._change(Module, "PUT", path("modules", name), body, if_match=if_match)

    async def rotate_key(self, name: str) -> Module:
        """Another key, shown this once; for a day calls are signed with both."""
        return await self._change(Module, "POST", path("modules", name, "rotate-key"), {})

    async def delete(self, name: str, *, if_match: str | None = None) -> None:
        await self._delete(path("modules", name), if_match=if_match)
