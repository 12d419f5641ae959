"""Modules: what steps can do."""

from quantum.client.addresses import path
from quantum.client.pages import Listing
from quantum.client.resources.resource import Resource, given
from quantum.contract.modules import Module, ModulePage


class Modules(Resource):
    def list(self, *, limit: int | None = None) -> Listing[Module, ModulePage]:
        return Listing(self._transport, Module, ModulePage, path("modules"), given({"limit": limit}))

    async def get(self, name: str) -> Module:
        return await self._read(Module, path("modules", name))
