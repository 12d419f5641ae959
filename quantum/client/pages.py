"""Lists, of which as many pages are asked for as are looked at."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic import BaseModel

from quantum.client.answers import parsed
from quantum.client.transport import Transport
from quantum.contract.pages import Page


class Listing[Item: BaseModel, Kind: Page[Any]]:
    """A list that is fetched as it is read: ``async for item in client.intents.list(): …``."""

    def __init__(
        self, transport: Transport, item: type[Item], page: type[Kind], path: str, params: Mapping[str, Any]
    ) -> None:
        self._transport, self._item, self._page = transport, item, page
        self._path, self._params = path, params

    async def page(self, cursor: str | None = None) -> Kind:
        """One page: the first, or the one behind ``cursor``."""
        params = {**self._params, **({"cursor": cursor} if cursor else {})}
        response = await self._transport.send("GET", self._path, params=params)
        return parsed(self._page, response)

    async def pages(self) -> AsyncIterator[Kind]:
        """Page by page."""
        cursor = None
        while True:
            page = await self.page(cursor)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for page in self.pages():
            for item in page.items:
                assert isinstance(item, self._item)
                yield item

    async def all(self) -> list[Item]:
        """Every item, in memory."""
        return [item async for item in self]
