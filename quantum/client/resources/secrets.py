"""Secrets: values go in and never come out."""

from quantum.client.addresses import path
from quantum.client.pages import Listing
from quantum.client.resources.resource import Resource, given
from quantum.contract.secrets import Secret, SecretDetail, SecretPage


class Secrets(Resource):
    def list(self, *, limit: int | None = None) -> Listing[Secret, SecretPage]:
        return Listing(self._transport, Secret, SecretPage, path("secrets"), given({"limit": limit}))

    async def get(self, name: str) -> SecretDetail:
        """All about it but its value."""
        return await self._read(SecretDetail, path("secrets", name))

    async def put(
        self, name: str, value: str, *, description: str | None = None, if_match: str | None = None
    ) -> Secret:
        """A secret, or the next value of the one there is."""
        body = {"value": value, "description": description}
        return await self._change(Secret, "PUT", path("secrets", name), body, if_match=if_match)

    async def delete(
        self, name: str, *, even_if_used: bool | None = None, if_match: str | None = None
    ) -> None:
        await self._delete(path("secrets", name), if_match=if_match, params={"even_if_used": even_if_used})
