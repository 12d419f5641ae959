"""Forgetting what nobody can want any more: blobs that no manifest names, uploads that nobody goes on with.

What was put there or asked for lately is left alone, for its manifest may be on its way. A row goes before
its file, both on the writer's thread; a process that dies in between leaves a file without a row, which the
next host that starts removes.
"""

import asyncio
import logging
from functools import partial
from sqlite3 import Connection
from typing import Final

from localhost.registry.files import Files
from localhost.registry.store import Store
from shared.domain.errors import UnavailableError

KEPT: Final = 24 * 3600.0
"""How long what no manifest names is kept, in seconds."""
EVERY: Final = 3600.0
"""Seconds between two collections."""
AT_ONCE: Final = 1000
"""Files that are removed before the writer does something else."""

_log = logging.getLogger("localhost.registry")

_LINKS = """
DELETE FROM links WHERE touched < ? AND NOT EXISTS (
    SELECT 1 FROM parts WHERE parts.repository = links.repository AND parts.digest = links.digest)
"""
_BLOBS = """
DELETE FROM blobs WHERE NOT EXISTS (SELECT 1 FROM links WHERE links.digest = blobs.digest) RETURNING digest
"""


async def collect(store: Store, *, kept: float = KEPT) -> int:
    """Forget what is no longer wanted; how many blobs that were.

    Raises:
        UnavailableError: the registry's folder cannot be written; what was forgotten is.
    """
    before = store.now() - kept

    def forget(connection: Connection) -> tuple[list[str], list[str]]:
        connection.execute(_LINKS, (before,))
        blobs = [row[0] for row in connection.execute(_BLOBS).fetchall()]
        sql = "DELETE FROM uploads WHERE touched < ? RETURNING id"
        return blobs, [row[0] for row in connection.execute(sql, (before,)).fetchall()]

    blobs, uploads = await store.writer.run(forget)
    await _remove(store, blobs, uploads)
    if blobs or uploads:
        _log.info("the registry forgot %d blobs and %d uploads that nobody wanted", len(blobs), len(uploads))
    return len(blobs)


async def sweep(store: Store) -> None:
    """Remove the files that a process which died has left behind.

    Raises:
        UnavailableError: the registry's folder cannot be written.
    """
    blobs, uploads = await asyncio.to_thread(lambda: (list(store.files.blobs()), list(store.files.uploads())))
    await _remove(store, blobs, uploads)


async def keep_collecting(store: Store) -> None:
    """Sweep once, and collect from time to time, for ever."""
    pending = [sweep]
    while True:
        try:
            while pending:
                await pending[-1](store)
                pending.pop()
            await collect(store)
        except (OSError, UnavailableError):
            _log.warning(
                "the registry's garbage could not be collected; it will be tried again", exc_info=True
            )
        await asyncio.sleep(EVERY)


async def _remove(store: Store, blobs: list[str], uploads: list[str]) -> None:
    """Remove files, of those that have no row now."""
    for at in range(0, len(blobs), AT_ONCE):
        await store.writer.run(partial(_remove_blobs, store.files, blobs[at : at + AT_ONCE]))
    for at in range(0, len(uploads), AT_ONCE):
        await store.writer.run(partial(_remove_uploads, store.files, uploads[at : at + AT_ONCE]))


def _remove_blobs(files: Files, digests: list[str], connection: Connection) -> None:
    for digest in digests:
        if connection.execute("SELECT 1 FROM blobs WHERE digest = ?", (digest,)).fetchone() is None:
            files.remove(digest)


def _remove_uploads(files: Files, uploads: list[str], connection: Connection) -> None:
    for upload in uploads:
        if connection.execute("SELECT 1 FROM uploads WHERE id = ?", (upload,)).fetchone() is None:
            files.discard(upload)
