"""Build contexts: archives that images are built from."""

from quantum.client.addresses import path
from quantum.client.answers import parsed
from quantum.client.resources.resource import Resource
from quantum.contract.contexts import BuildContext


class Contexts(Resource):
    async def upload(self, archive: bytes) -> BuildContext:
        """Keep a tar or tar.gz for a while; its ``reference`` is what a step has for its ``context``."""
        response = await self._transport.send(
            "POST", path("contexts"), content=archive, headers={"Content-Type": "application/octet-stream"}
        )
        return parsed(BuildContext, response)
