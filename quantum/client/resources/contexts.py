"""Build contexts: archives that images are built from."""

from collections.abc import AsyncIterator, Callable
from typing import Final

from quantum.client.addresses import path
from quantum.client.answers import parsed
from quantum.client.resources.resource import Resource
from quantum.contract.contexts import BuildContext

PART: Final = 65_536
"""Bytes that are sent at once."""


class Contexts(Resource):
    async def upload(self, archive: bytes, *, progress: Callable[[int], None] | None = None) -> BuildContext:
        """Keep a tar or tar.gz for a while; its ``reference`` is what a step has for its ``context``.

        ``progress`` is told how many bytes have been sent, from the first anew if the connection broke.
        """
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(archive))}
        content = archive if progress is None else _Told(archive, progress)
        response = await self._transport.send("POST", path("contexts"), content=content, headers=headers)
        return parsed(BuildContext, response)


class _Told:
    """Bytes that are sent in parts, and each time from the first."""

    def __init__(self, whole: bytes, progress: Callable[[int], None]) -> None:
        self._whole, self._progress = whole, progress

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for begin in range(0, len(self._whole), PART):
            yield self._whole[begin : begin + PART]
            self._progress(min(begin + PART, len(self._whole)))
