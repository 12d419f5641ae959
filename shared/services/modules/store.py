"""Where tenants' modules are: a document for each with what is so now, and one for each of its versions.

A version's document never changes, and its number is never given again, not even when the module is deleted
and made anew: what remains of it says how far it was counted. So a process may keep versions at hand.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.domain.manifests import Manifest, ModuleVersion
from shared.domain.times import parse_rfc3339
from shared.ports.documents import TENANCY, Document, Documents, Query
from shared.security.scope import TenantScope
from shared.services.paging import bodies
from shared.services.secrets.sealing import Sealer

PARTITION: Final = "modules"
"""A tenant's modules, their versions, and the chain of their audit records."""
MODULE: Final = "module"
VERSION: Final = "module-version"
RETIRED: Final = "retired-module"
"""What remains of one that was deleted."""
PAGE: Final = 100
KEPT: Final = 256
"""Versions that a process keeps; each has up to a quarter of a megabyte, most far less."""


def document_id(name: str) -> str:
    return f"module:{name}"


def version_id(name: str, version: int) -> str:
    return f"module:{name}:{version}"


@dataclass(frozen=True, slots=True)
class ModuleStore:
    documents: Documents
    sealer: Sealer
    kept: OrderedDict[tuple[str, str, int], ModuleVersion]

    async def head(self, scope: TenantScope, name: str) -> Document | None:
        """The module as it is now, or None."""
        document = await self.entry(scope, name)
        return document if document and document.body["kind"] == MODULE else None

    async def entry(self, scope: TenantScope, name: str) -> Document | None:
        """The module, or what remains of one."""
        return await self.documents.read(scope, container=TENANCY, partition=PARTITION, id=document_id(name))

    async def heads(self, scope: TenantScope, names: Sequence[str]) -> Sequence[Document]:
        """Those of these names that there are."""
        found = await asyncio.gather(*(self.head(scope, name) for name in names))
        return [one for one in found if one is not None]

    async def all(self, scope: TenantScope) -> Sequence[ModuleVersion]:
        """Every module of the tenant as it is now, by name."""
        query = Query(TENANCY, MODULE, partition=PARTITION, order=[(("name",), "asc")], limit=PAGE)
        found = [
            await self.version(scope, head["name"], head["version"])
            async for head in bodies(self.documents, scope, query)
        ]
        return [one for one in found if one is not None]

    async def version(self, scope: TenantScope, name: str, version: int) -> ModuleVersion | None:
        """The module as it was in that version, or None."""
        key = (scope.tenant_id, name, version)
        if (known := self.kept.get(key)) is not None:
            self.kept.move_to_end(key)
            return known
        document = await self.documents.read(
            scope, container=TENANCY, partition=PARTITION, id=version_id(name, version)
        )
        if document is None:
            return None
        body = document.body
        found = self.kept[key] = ModuleVersion(name, version, body["endpoint"], Manifest.of(body["manifest"]))
        if len(self.kept) > KEPT:
            self.kept.popitem(last=False)
        return found

    def keys(self, scope: TenantScope, body: Mapping[str, Any], now: datetime) -> Sequence[str]:
        """What calls are signed with now, the newest first."""
        keys = body["keys"]
        sealed = [keys["current"]]
        if keys["previous"] is not None and parse_rfc3339(keys["previous_until"]) > now:
            sealed.append(keys["previous"])
        return [self.sealer.open(one, place=self.place(scope, body["name"])) for one in sealed]

    def place(self, scope: TenantScope, name: str) -> str:
        """Where a key may be opened, and nowhere else."""
        return f"{scope.tenant_id}/{name}"


def module_store(documents: Documents, sealer: Sealer) -> ModuleStore:
    return ModuleStore(documents, sealer, OrderedDict())
