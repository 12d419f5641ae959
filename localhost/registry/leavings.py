"""What executions left in the local registry, taken away in transactions: nothing is put in between."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from functools import partial
from sqlite3 import Connection
from typing import Final

from localhost.registry.store import Store, delete_manifest, is_named
from shared.modules.containers.registry.marks import execution_of, is_hold
from shared.ports.leavings import Gone
from shared.security.scope import TenantScope

PAGE: Final = 500
"""Tags that are looked at together."""

_ABOUT: Final = "SELECT subject FROM manifests WHERE repository = ? AND digest = ?"
_PARTS: Final = "SELECT digest FROM parts WHERE repository = ? AND manifest = ?"
_TAGS: Final = "SELECT tag FROM tags WHERE repository = ? AND digest = ?"
_RECORDS: Final = """
SELECT tag FROM manifests CROSS JOIN tags USING (repository, digest)
WHERE manifests.repository = ? AND subject = ?
"""
"""CROSS has SQLite begin with the few manifests that are about one, and not with all tags."""


class LocalLeavings:
    """Implements :class:`shared.ports.leavings.Leavings`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def repositories(self, scope: TenantScope) -> AsyncIterator[str]:
        for repository in await asyncio.to_thread(self._store.repositories, f"{scope.tenant_id}/"):
            yield repository

    async def clear(
        self, scope: TenantScope, repository: str, *, gone: Gone, go_on: Callable[[], bool]
    ) -> int:
        if not repository.startswith(f"{scope.tenant_id}/"):
            raise ValueError(f"{repository} is not {scope.tenant_id}'s")
        removed, after = 0, ""
        while go_on() and (tags := await self._page(repository, after)):
            after = tags[-1]
            executions = await gone({one for tag in tags if (one := execution_of(tag))})
            doomed = [tag for tag in tags if execution_of(tag) in executions]
            if doomed:
                work = partial(_clear, repository, doomed, frozenset(executions))
                removed += await self._store.writer.run(work)
        return removed

    async def _page(self, repository: str, after: str) -> Sequence[str]:
        return await asyncio.to_thread(partial(self._store.some_tags, repository, after=after, limit=PAGE))


def _clear(repository: str, tags: Sequence[str], gone: Collection[str], connection: Connection) -> int:
    removed = 0
    for tag in tags:
        sql = "SELECT digest FROM tags WHERE repository = ? AND tag = ?"
        row = connection.execute(sql, (repository, tag)).fetchone()
        if row is None:  # it went with another tag
            removed += 1
            continue
        digest = row["digest"]
        subject = connection.execute(_ABOUT, (repository, digest)).fetchone()
        about = [one for one in (subject and subject["subject"], digest) if one]
        if any(_is_held(connection, repository, one) for one in about):
            continue
        parts = [row["digest"] for row in connection.execute(_PARTS, (repository, digest))]
        for one in [*about, *parts]:
            if not _is_needed(connection, repository, one, gone):
                delete_manifest(connection, repository, one)
        connection.execute("DELETE FROM tags WHERE repository = ? AND tag = ?", (repository, tag))
        removed += 1
    return removed


def _is_held(connection: Connection, repository: str, digest: str) -> bool:
    return any(is_hold(row["tag"]) for row in connection.execute(_TAGS, (repository, digest)))


def _is_needed(connection: Connection, repository: str, digest: str, gone: Collection[str]) -> bool:
    """Whether an index names it, a tag stands for it, or a record is about it that is not of these."""
    if is_named(connection, repository, digest):
        return True
    rows = [
        *connection.execute(_TAGS, (repository, digest)),
        *connection.execute(_RECORDS, (repository, digest)),
    ]
    return any(execution_of(row["tag"]) not in gone for row in rows)
