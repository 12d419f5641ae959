"""Cosmos DB's change feed as a source of the host's triggers, as the Functions host reads it in Azure.

Importing it loads the SDK.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from localhost.triggers.feeds import Batch
from shared.adapters.cosmos.account import Account
from shared.adapters.cosmos.bodies import commit_order
from shared.adapters.cosmos.client import Access, Client
from shared.adapters.cosmos.containers import TENANT_FIELD
from shared.adapters.cosmos.faults import Deadline
from shared.ports.documents import Container

PATIENCE = 5.0
"""Seconds that one look at the feed goes on in spite of throttling and faults."""
FIRST_POLL, LONGEST_POLL = 0.05, 1.0
"""Seconds between two looks at a feed that has no news: each costs a request unit."""

_ONLY_PARTITION = "0"

type Start = Literal["Beginning", "Now"]
type Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Position:
    """How far a range of partition keys has been read: ``token`` is the SDK's, None for not at all.

    The SDK follows a range whose physical partition is split or merged. It cannot go on from a token that
    covers several ranges of which some were never read (azure-cosmos 4.17.1), so each range has its own.
    """

    range: Mapping[str, Any]
    token: str | None = None


def open_feed(account: Account) -> Client:
    """The connection that the sources of one account share; it opens when it is first used."""
    return Client(account, lambda _tenant_id, _operation, _container, _units: None)


class ChangeSource:
    """The changes of one container, over all tenants, in the order of their commits in each of them.

    Items are the documents as they are stored, like those that the trigger gives in Azure.
    """

    def __init__(self, client: Client, container: Container) -> None:
        self._client = client
        self._container = container

    async def partitions(self) -> Sequence[str]:
        """One: the ranges of a container are read in turns, and a cursor tells of all of them."""
        await self._client.database(Deadline(PATIENCE))  # so that who asks knows whether it can be read
        return [_ONLY_PARTITION]

    async def latest(self, partition: str) -> str:  # noqa: ARG002 - there is one
        """See :meth:`localhost.triggers.feeds.Source.latest`."""
        positions = []
        for position in await self._ranges():
            items, end = await self._page(position, limit=100, start="Now")
            while items:
                items, end = await self._page(end, limit=100, start="Now")
            positions.append(end)
        return _cursor(positions)

    async def read(
        self,
        partition: str,  # noqa: ARG002 - there is one
        *,
        after: str | None,
        limit: int,
    ) -> AsyncGenerator[Batch[Item]]:
        """See :meth:`localhost.triggers.feeds.Source.read`. Raises UnavailableError when the service does."""
        positions = await self._ranges() if after is None else _positions(after)
        poll = FIRST_POLL
        while True:
            news = False
            for at, position in enumerate(positions):
                items, following = await self._page(position, limit=limit, start="Beginning")
                # A transaction is in one page, though it may be over the limit; there is no cursor within.
                while len(items) > limit:
                    yield Batch(items[:limit], _cursor(positions))
                    items = items[limit:]
                positions[at] = following
                if items:
                    news = True
                    yield Batch(items, _cursor(positions))
            poll = FIRST_POLL if news else min(2 * poll, LONGEST_POLL)
            if not news:
                await asyncio.sleep(poll)

    async def _ranges(self) -> list[Position]:
        async def attempt(access: Access) -> list[Position]:
            return [Position(found) async for found in access.container.read_feed_ranges()]

        return await self._call(attempt)

    async def _page(self, position: Position, *, limit: int, start: Start) -> tuple[Sequence[Item], Position]:
        """What comes behind the position, and the position behind that."""
        if position.token is None:
            place: dict[str, Any] = {"feed_range": position.range, "start_time": start}
        else:
            place = {"continuation": position.token}

        async def attempt(access: Access) -> tuple[Sequence[Item], Position]:
            told: list[Mapping[str, Any]] = []

            def keep(headers: Mapping[str, Any], body: Any) -> None:
                told.append(headers)  # in which the SDK then puts its token
                access.hook(headers, body)

            pages = access.container.query_items_change_feed(
                **place, max_item_count=limit, response_hook=keep
            ).by_page()
            items: list[dict[str, Any]] = []
            async for page in pages:
                items = [item async for item in page]
                break
            items.sort(key=commit_order)
            return items, replace(position, token=str(told[-1]["etag"]))

        items, following = await self._call(attempt)
        return [item for item in items if not item[TENANT_FIELD].startswith("_")], following

    async def _call[T](self, attempt: Callable[[Access], Awaitable[T]]) -> T:
        return await self._client.call(
            "changes",
            self._container,
            attempt,
            Deadline(PATIENCE),
            tenant_id="",  # all of them
        )


def _cursor(positions: Sequence[Position]) -> str:
    return json.dumps([asdict(position) for position in positions], separators=(",", ":"))


def _positions(cursor: str) -> list[Position]:
    return [Position(**found) for found in json.loads(cursor)]
