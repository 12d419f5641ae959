"""Who uses a tenant's module: active intents, and executions that have not ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.domain.errors import ConflictError
from shared.domain.executions import EXECUTION_STATUSES, QUEUED, TERMINAL_STATUSES
from shared.ports.documents import EXECUTIONS, REGISTRY, TENANCY, Delete, Document, Documents, Query, Where
from shared.security.scope import TenantScope
from shared.services.executions.heads import pin
from shared.services.modules.store import PARTITION, VERSION

MOST_VERSIONS: Final = 50
SHOWN: Final = 20
"""Most intents, or executions, that are named."""
_UNFINISHED: Final = [QUEUED, *(status for status in EXECUTION_STATUSES if status not in TERMINAL_STATUSES)]


@dataclass(frozen=True, slots=True)
class ModuleUses:
    documents: Documents

    async def require_unused(self, scope: TenantScope, name: str) -> None:
        """Let pass whoever deletes a module that nobody uses.

        What is stored at the same moment, and names it, is not seen.

        Raises:
            ConflictError: active intents name it, or executions may yet run it.
        """
        where = [Where(("status",), "=", "active"), Where(("modules",), "contains", name)]
        query = Query(REGISTRY, "intent", where=where, order=[(("name",), "asc")], limit=SHOWN)
        page = await self.documents.query(scope, query)
        if users := [one.body["name"] for one in page.items]:
            named = ", ".join(users)
            raise ConflictError(
                f"The module {name!r} is named by active intents ({named}): change or archive them first"
            )
        running = [
            execution
            for one in await self.versions(scope, name)
            for execution in await self._running(scope, name, one.body["version"])
        ]
        if running:
            named = ", ".join(running[:SHOWN])
            raise ConflictError(
                f"The module {name!r} may yet be run by executions ({named}): wait for their end, or cancel "
                "them first"
            )

    async def worn_out(self, scope: TenantScope, name: str) -> Sequence[Delete]:
        """What makes room for one more version, if there is none: the oldest goes that nothing may run.

        Raises:
            ConflictError: all of them may yet run.
        """
        stored = await self.versions(scope, name)
        if len(stored) < MOST_VERSIONS:
            return []
        for one in sorted(stored, key=lambda document: document.body["version"])[:-1]:
            if not await self._running(scope, name, one.body["version"]):
                return [Delete(one.body["id"], if_match=one.etag)]
        raise ConflictError(
            f"All {MOST_VERSIONS} versions of the module {name!r} may yet run: put another when some of its "
            "executions have ended"
        )

    async def versions(self, scope: TenantScope, name: str) -> Sequence[Document]:
        """The documents of all versions that are kept."""
        where = [Where(("name",), "=", name)]
        query = Query(TENANCY, VERSION, partition=PARTITION, where=where, limit=MOST_VERSIONS + 1)
        return (await self.documents.query(scope, query)).items

    async def _running(self, scope: TenantScope, name: str, version: int) -> Sequence[str]:
        """Executions that have not ended and were planned with the version."""
        named = Where(("modules",), "contains", pin((name, version)))
        where = [named, Where(("status",), "in", _UNFINISHED)]
        page = await self.documents.query(scope, Query(EXECUTIONS, "execution", where=where, limit=SHOWN))
        return [one.body["execution_id"] for one in page.items]
