"""Forgetting what nobody can want any more: blobs that no manifest names, uploads that nobody goes on with.

What was put there or asked for lately is left alone, for its manifest may be on its way. A row goes before
its file, both on the writer's thread; a process that dies in between leaves a file without a row, which the
next host that starts removes.
"""

import asyncio
import logging
from sqlite3 import Connection
from typing import Final

from localhost.registry.store import UNLINKED, Store
from shared.domain.errors import UnavailableError

KEPT: Final = 24 * 3600.0
"""How long what no manifest names is kept, in seconds."""
EVERY: Final = 3600.0
"""Seconds between two collections."""

_log = logging.getLogger("localhost.registry")

_LINKS = """
DELETE FROM links WHERE touched < ? AND NOT EXISTS (
    SELECT 1 FROM parts WHERE parts.repository = links.repository AND parts.digest = links.digest)
"""


async def collect(store: Store, *, kept: float = KEPT) -> int:
    """Forget what is no longer wanted; how many blobs that were.

    Raises:
        UnavailableError: the registry's folder cannot be written; what was forgotten is.
    """
    before = store.now() - kept

    def forget(connection: Connection) -> tuple[list[str], list[str]]:
        connection.execute(_LINKS, (before,))
        blobs = [row[0] for row in connection.execute(UNLINKED).fetchall()]
        sql = "DELETE FROM uploads WHERE touched < ? RETURNING id"
        return blobs, [row[0] for row in connection.execute(sql, (before,)).fetchall()]

    blobs, uploads = await store.writer.run(forget)
    await store.remove(blobs, uploads)
    if blobs or uploads:
        _log.info("the registry forgot %d blobs and %d uploads that nobody wanted", len(blobs), len(uploads))
    return len(blobs)


async def sweep(store: Store) -> None:
    """Remove the files that a process which died has left behind.

    Raises:
        UnavailableError: the registry's folder cannot be written.
    """
    blobs, uploads = await asyncio.to_thread(lambda: (list(store.files.blobs()), list(store.files.uploads())))
    await store.remove(blobs, uploads)


async def keep_collecting(store: Store) -> None:
    """Sweep once, and collect from time to time, for ever."""
    swept = False
    while True:
        try:
            if not swept:
                await sweep(store)
                swept = True
            await collect(store)
        except (OSError, UnavailableError):
            _log.warning(
                "the registry's garbage could not be collected; it will be tried again", exc_info=True
            )
        await asyncio.sleep(EVERY)
