"""Walking through all that a query finds, a page at a time."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from shared.ports.documents import Documents, Query
from shared.security.scope import TenantScope


async def bodies(documents: Documents, scope: TenantScope, query: Query) -> AsyncIterator[Mapping[str, Any]]:
    """The bodies of what matches ``query``, whose ``limit`` is how many are read at a time."""
    async for page in pages(documents, scope, query):
        for body in page:
            yield body


async def pages(
    documents: Documents, scope: TenantScope, query: Query
) -> AsyncIterator[list[Mapping[str, Any]]]:
    """The same, by pages."""
    after: str | None = None
    while True:
        page = await documents.query(scope, replace(query, after=after))
        yield [document.body for document in page.items]
        if (after := page.after) is None:
            return
