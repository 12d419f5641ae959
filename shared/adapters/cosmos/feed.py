"""The change feed of a partition, pulled page by page.

The service gives a transaction's documents one log sequence number (``_lsn``), all in one page, in no order
that is promised; the place in the transaction is in the documents themselves. A continuation is a log
sequence number, too, and lies between transactions. A position in between is the continuation of the page
that the document came in, and the document's place there.
"""

import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from shared.adapters.cosmos.bodies import commit_order
from shared.adapters.cosmos.client import Access
from shared.adapters.cosmos.sessions import HEADER, log_sequence_number
from shared.ports.documents import Json

_FORM: Final = ">QQI"


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """Behind the document of place ``index`` in transaction ``lsn``, among those behind ``since``."""

    since: int = 0
    lsn: int = 0
    index: int = 0

    def encode(self) -> str:
        """A text of one length: in that of a cursor, nobody is to see how far the numbers have come."""
        return struct.pack(_FORM, self.since, self.lsn, self.index).hex()

    @classmethod
    def decode(cls, text: str) -> Self:
        return cls(*struct.unpack(_FORM, bytes.fromhex(text)))

    def passed(self, stored: Mapping[str, Json]) -> bool:
        """Whether the document was shown before this position."""
        return commit_order(stored) <= (self.lsn, self.index)


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Documents in the order of their writes; ``after`` is behind them all, ``head`` the end of the log."""

    stored: list[dict[str, Json]]
    after: int
    head: int


type ReadPage = Callable[[int], Awaitable[FeedPage]]
"""The page behind a continuation."""


async def read_page(access: Access, partition_key: list[str], *, since: int, limit: int) -> FeedPage:
    """The changes behind the continuation ``since``; ``limit`` is exceeded where a transaction is larger."""
    told: dict[str, str] = {}

    def keep(headers: Mapping[str, Any], body: Any) -> None:
        # The SDK's own continuation is read from a place that all requests share.
        told.update({name.lower(): value for name, value in headers.items()})
        access.hook(headers, body)

    asked: dict[str, Any] = {
        "partition_key": partition_key,
        "max_item_count": limit,
        "start_time": "Beginning",
        "response_hook": keep,
        **access.session,
    }
    if since:
        asked["continuation"] = f'"{since}"'
    pages: AsyncIterator[Any] = access.container.query_items_change_feed(**asked).by_page()
    stored: list[dict[str, Json]] = []
    async for page in pages:
        stored = [item async for item in page]
        break
    stored.sort(key=commit_order)
    return FeedPage(stored, int(told["etag"].strip('"')), log_sequence_number(told[HEADER]))


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the feed gave: documents, the position behind each, and where to look next time."""

    changes: list[tuple[dict[str, Json], FeedPosition]]
    following: FeedPosition
    behind: bool = False
    """The replica that answered is not yet where the position is, or the position is in the future."""


async def look(read: ReadPage, start: FeedPosition, *, kind: str | None, limit: int) -> Found:
    """At most ``limit`` documents of ``kind`` behind ``start``, as far as the feed goes now."""
    changes: list[tuple[dict[str, Json], FeedPosition]] = []
    position = start
    while True:
        page = await read(position.since)
        if page.head < max(position.since, position.lsn):
            return Found(changes, position, behind=True)
        for item in page.stored:
            if position.passed(item) or kind not in {None, item["kind"]}:
                continue
            last = item is page.stored[-1]
            here = FeedPosition(position.since, *commit_order(item))
            changes.append((item, FeedPosition(page.after) if last else here))
            if len(changes) == limit:
                return Found(changes, changes[-1][1])
        if not page.stored or page.after >= page.head:
            return Found(changes, FeedPosition(page.after) if page.stored else position)
        position = FeedPosition(page.after, position.lsn, position.index)
