"""The use cases of modules: those that are built in are told, and a tenant's own are kept.

A module is a document in its tenant's partition ``modules``, beside its versions and the chain of the audit
records. Whoever puts another manifest, or another endpoint, makes a version; executions go on with that
which their plan has. Versions stay for as long as the module does, ``MOST_VERSIONS`` of them at most: then
the oldest goes that no execution may run.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any, Final

from shared.domain.errors import (
    ConflictError,
    FieldError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.manifest_rules import module_errors
from shared.domain.manifests import ModuleVersion, NewModule
from shared.domain.modules import Module
from shared.domain.paging import Cursors
from shared.domain.times import rfc3339
from shared.ports.actions import Catalogue
from shared.ports.clock import Clock
from shared.ports.documents import (
    TENANCY,
    Create,
    Delete,
    Document,
    Documents,
    Query,
    Replace,
    Where,
)
from shared.ports.modules import RemoteModules
from shared.security.scope import TenantScope
from shared.security.webhooks import GENERATED_BYTES, spelled_secret
from shared.services.audit.chains import Chains
from shared.services.callers import Caller
from shared.services.etags import IfMatch, require_match
from shared.services.modules.manuals import built_in_modules, remote_module
from shared.services.modules.store import (
    MODULE,
    PARTITION,
    RETIRED,
    VERSION,
    ModuleStore,
    document_id,
    version_id,
)
from shared.services.modules.uses import ModuleUses
from shared.services.receipts import Record
from shared.services.shelves import Change, Shelf, fields, first, nothing
from shared.services.tenancy.quotas import Room

BOTH_KEYS: Final = timedelta(days=1)
"""For how long calls are signed with the key before, too, once there is another."""

_AUDITED: Final = fields("name", "version", "endpoint", "hash", "key")


@dataclass(frozen=True, slots=True)
class Parts:
    """What modules are kept with."""

    documents: Documents
    store: ModuleStore
    catalogue: Catalogue
    remote: RemoteModules
    chains: Chains
    cursors: Cursors
    clock: Clock
    room: Room
    url_refusal: Callable[[str], str | None]
    """Why a URL may not be called, as far as the URL itself tells; None if it may."""


class _UnchangedError(ConflictError):
    """The module is as it shall be: by an earlier delivery of the same request, or by another."""

    def __init__(self, document: Document) -> None:
        super().__init__("the module is that already")
        self.document = document


class Modules:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._uses = ModuleUses(parts.documents)
        self._shelf = Shelf(
            parts.documents, parts.chains, parts.cursors, parts.room, PARTITION, MODULE, _AUDITED, document_id
        )

    @cached_property
    def _built_in(self) -> Mapping[str, Module]:
        """Made when somebody asks: the schemas of all models would make each start later by 20 ms."""
        return built_in_modules(self._parts.catalogue)

    async def list(
        self, caller: Caller, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[Sequence[Module], str | None]:
        """A page of the modules by name, and the cursor of the next.

        Raises:
            BadCursorError: ``cursor`` was not made by this list.
        """
        cursors, of = self._parts.cursors, [caller.scope.tenant_id, "modules"]
        after = cursors.open(cursor, of=of) if cursor else ""
        where = [Where(("name",), ">", after)] if after else []
        query = Query(
            TENANCY, MODULE, partition=PARTITION, where=where, order=[(("name",), "asc")], limit=limit + 1
        )
        own = {
            one.body["name"]: one for one in (await self._parts.documents.query(caller.scope, query)).items
        }
        names = sorted({*own, *(name for name in self._built_in if name > after)})
        shown = [
            await self._told(caller.scope, own[name]) if name in own else self._built_in[name]
            for name in names[:limit]
        ]
        return shown, cursors.seal(names[limit - 1], of=of) if len(names) > limit else None

    async def get(self, caller: Caller, name: str) -> Module:
        """The module of that name: what it can do, and, of the tenant's own, how its endpoint stands.

        Raises:
            NotFoundError: there is none.
        """
        if (built_in := self._built_in.get(name)) is not None:
            return built_in
        return await self._told(caller.scope, await self._shelf.existing(caller.scope, name))

    async def put(
        self, caller: Caller, name: str, new: NewModule, *, if_match: IfMatch = None
    ) -> tuple[Module, str | None]:
        """Make the module, or a version of it; and the key that was made for it, the only time it is seen.

        To put it as it is changes nothing.

        Raises:
            ValidationFailedError: it breaks rules; all of them are listed.
            StaleError: its state is none of ``if_match``.
            QuotaExceededError: the tenant has as many modules as it may have.
            ConflictError: too many of its versions may yet run.
        """
        self._check(name, new)

        async def done(record: Record) -> tuple[Module, str | None]:
            document = await self._shelf.existing(caller.scope, name)
            mine = record["before"] is None and document.body["updated_at"] == record["created_at"]
            return await self._told(caller.scope, document), self._key(
                caller.scope, document
            ) if mine else None

        work = first(partial(self._put, caller, name, new, if_match))
        try:
            return await self._shelf.once(caller, work, done=done)
        except _UnchangedError as unchanged:
            return await self._told(caller.scope, unchanged.document), None

    def _check(self, name: str, new: NewModule) -> None:
        errors = list(
            module_errors(name, new.endpoint, new.manifest, built_in=self._parts.catalogue.modules())
        )
        if (why := self._parts.url_refusal(new.endpoint)) is not None:
            message = f"{why}; name a public address, or ask an operator"
            errors.append(FieldError("/endpoint", "EGRESS", message))
        if errors:
            raise ValidationFailedError(errors=errors)

    async def _put(
        self, caller: Caller, name: str, new: NewModule, if_match: IfMatch
    ) -> tuple[Module, str | None] | None:
        scope, now = caller.scope, self._parts.clock.now()
        entry = await self._parts.store.entry(scope, name)
        before = entry if entry and entry.body["kind"] == MODULE else None
        require_match(before, if_match)
        version = ModuleVersion(name, entry.body["version"] + 1 if entry else 1, new.endpoint, new.manifest)
        if before and before.body["hash"] == version.hash:
            raise _UnchangedError(before)
        key = None if before else spelled_secret(secrets.token_bytes(GENERATED_BYTES))
        body = self._body(caller, version, before, key, now)
        stored = await self._shelf.store(
            Change(scope, "module.put", caller.origin, now, before, body),
            Replace(body, if_match=entry.etag) if entry else Create(body),
            Create(_version(version)),
            *await self._uses.worn_out(scope, name),
        )
        return (await self._told(scope, stored), key) if stored is not None else None

    def _body(
        self, caller: Caller, version: ModuleVersion, before: Document | None, key: str | None, now: datetime
    ) -> dict[str, Any]:
        at, who = rfc3339(now), caller.principal.name
        made = {"created_at": at, "created_by": who, "key": 1}
        if before is not None:
            made = {field: before.body[field] for field in made} | {"keys": before.body["keys"]}
        else:
            made["keys"] = {"current": self._sealed(caller.scope, version.name, str(key)), **_NO_OTHER}
        return {
            "id": document_id(version.name),
            "kind": MODULE,
            "name": version.name,
            "version": version.version,
            "endpoint": version.endpoint,
            "hash": version.hash,
            "updated_at": at,
            "updated_by": who,
            **made,
        }

    async def rotate(self, caller: Caller, name: str) -> tuple[Module, str | None]:
        """Give the module another key, which is seen this once; for a day calls are signed with both.

        Raises:
            NotFoundError: the tenant has none of that name.
        """

        async def done(record: Record) -> tuple[Module, str | None]:
            document = await self._shelf.existing(caller.scope, name)
            mine = document.body["updated_at"] == record["created_at"]
            return await self._told(caller.scope, document), self._key(
                caller.scope, document
            ) if mine else None

        work = first(partial(self._rotate, caller, name))
        return await self._shelf.once(caller, work, done=done)

    async def _rotate(self, caller: Caller, name: str) -> tuple[Module, str | None] | None:
        scope, now = caller.scope, self._parts.clock.now()
        before = await self._shelf.existing(scope, name)
        key = spelled_secret(secrets.token_bytes(GENERATED_BYTES))
        body = {
            **before.body,
            "key": before.body["key"] + 1,
            "keys": {
                "current": self._sealed(scope, name, key),
                "previous": before.body["keys"]["current"],
                "previous_until": rfc3339(now + BOTH_KEYS),
            },
            "updated_at": rfc3339(now),
            "updated_by": caller.principal.name,
        }
        change = Change(scope, "module.rotate-key", caller.origin, now, before, body)
        stored = await self._shelf.store(change, Replace(body, if_match=before.etag))
        return (await self._told(scope, stored), key) if stored is not None else None

    async def delete(self, caller: Caller, name: str, *, if_match: IfMatch = None) -> None:
        """Delete the module with its versions.

        What is stored at the same moment, and names it, is not seen; its steps find no module.

        Raises:
            NotFoundError: the tenant has none of that name.
            StaleError: its state is none of ``if_match``.
            ConflictError: active intents name it, or executions may yet run it.
        """
        work = first(partial(self._delete, caller, name, if_match))
        await self._shelf.once(caller, work, done=nothing)

    async def _delete(self, caller: Caller, name: str, if_match: IfMatch) -> Document | None:
        scope = caller.scope
        before = await self._shelf.existing(scope, name)
        require_match(before, if_match)
        await self._uses.require_unused(scope, name)
        remains = {"id": document_id(name), "kind": RETIRED, "name": name, "version": before.body["version"]}
        return await self._shelf.store(
            Change(scope, "module.delete", caller.origin, self._parts.clock.now(), before, None),
            Replace(remains, if_match=before.etag),
            *[Delete(one.body["id"]) for one in await self._uses.versions(scope, name)],
        )

    async def _told(self, scope: TenantScope, document: Document) -> Module:
        body = document.body
        version = await self._parts.store.version(scope, body["name"], body["version"])
        if version is None:
            raise UnavailableError  # it was stored with its head, and cannot be seen yet
        return remote_module(version, document, self._parts.remote.circuit(scope, version.endpoint))

    def _key(self, scope: TenantScope, document: Document) -> str:
        return self._parts.store.keys(scope, document.body, self._parts.clock.now())[0]

    def _sealed(self, scope: TenantScope, name: str, key: str) -> str:
        return self._parts.store.sealer.seal(key, place=self._parts.store.place(scope, name))


_NO_OTHER: Final[Mapping[str, None]] = {"previous": None, "previous_until": None}


def _version(version: ModuleVersion) -> dict[str, Any]:
    return {
        "id": version_id(version.name, version.version),
        "kind": VERSION,
        "name": version.name,
        "version": version.version,
        "endpoint": version.endpoint,
        "manifest": version.manifest.to_json(),
    }
