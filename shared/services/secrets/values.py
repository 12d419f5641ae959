"""What steps get: the values of secrets, at the moment they are used, and a record that they were.

Which version counts is read for every use, so a rotation is seen by the next step that begins. A version has
one value for ever, so values are remembered for a while; nothing is given of a secret whose document is gone.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from shared.domain.errors import DocumentExistsError, DocumentMissingError
from shared.domain.secrets import SecretUse
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import TENANCY, Create, Document, Documents, Operation, Patch
from shared.ports.secrets import Secrets as Vault
from shared.security.scope import TenantScope
from shared.services.secrets.leftovers import PARTITION, document_id

LIFE: Final = 300.0
"""Seconds for which a process remembers a value: Key Vault serves 4,000 reads in ten seconds, of all."""
VALUES_KEPT: Final = 1024
USE_EVERY: Final = 60.0
"""Seconds in which a process records at most one use of a secret."""
USES_KEPT: Final = 4096
SEEN: Final = "seen"
"""The id, and the kind, of a document that is written by who must see what others have written."""
USE_LIFE: Final = timedelta(days=400)
"""How long the last use is known."""

_log = logging.getLogger(__name__)

type _Place = tuple[str, str]
"""A tenant, and a key in the vault."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What values are given out for."""

    execution_id: str
    step: str


@dataclass(frozen=True, slots=True)
class SecretValue:
    """``version`` counts the secret's values, from 1: it may be told. The value is for the step alone."""

    name: str
    version: int
    value: str = field(repr=False)
    key: str = field(repr=False)
    """That of the vault."""


class SecretValues:
    def __init__(self, *, documents: Documents, vault: Vault, clock: Clock) -> None:
        self._documents = documents
        self._vault = vault
        self._clock = clock
        self._values: OrderedDict[tuple[str, str, str], tuple[float, str]] = OrderedDict()
        self._uses: OrderedDict[_Place, float] = OrderedDict()

    async def resolve_for(
        self, scope: TenantScope, purpose: Purpose, names: Collection[str]
    ) -> Mapping[str, SecretValue]:
        """The values of these secrets as they are now, by name; names without a secret are left out.

        That they were used is recorded before they are given, once a minute and process for each.

        Raises:
            UnavailableError: the store or the vault cannot be reached; try again.
        """
        found = await self.look(scope, names)
        await self.use(scope, purpose, found.values())
        return found

    async def look(self, scope: TenantScope, names: Collection[str]) -> Mapping[str, SecretValue]:
        """The same values for whoever must know them to keep them secret, and gives them to nobody.

        Raises:
            UnavailableError: as above.
        """
        found = {one.name: one for one in await self._resolved(scope, names)}
        if missing := set(names) - found.keys():  # perhaps only this process has not seen them
            await self._catch_up(scope)
            found |= {one.name: one for one in await self._resolved(scope, missing)}
        return found

    async def use(self, scope: TenantScope, purpose: Purpose, values: Collection[SecretValue]) -> None:
        """Record that these are used, before they are given.

        Raises:
            UnavailableError: the store cannot be reached.
        """
        await asyncio.gather(*(self._record(scope, one.key, purpose) for one in values))

    async def existing(self, scope: TenantScope, names: Collection[str]) -> list[str]:
        """Which of these secrets there are.

        Raises:
            UnavailableError: the store cannot be reached.
        """
        found = await self._stored(scope, names)
        if missing := set(names) - set(found):
            await self._catch_up(scope)
            found += await self._stored(scope, missing)
        return found

    async def last_use(self, scope: TenantScope, key: str) -> SecretUse | None:
        """When the value was given out last; None: never, or longer ago than ``USE_LIFE``."""
        document = await self._documents.read(scope, container=TENANCY, partition=PARTITION, id=_use_id(key))
        if document is None:
            return None
        body = document.body
        return SecretUse(body["used_at"], body["execution_id"], body["step"])

    async def _catch_up(self, scope: TenantScope) -> None:
        """Have this process read all secrets that were put so far (see ``executions/freshness.py``)."""
        patch = Patch(SEEN, set={("seen",): True})
        try:
            await self._write(scope, patch)
        except DocumentMissingError:
            with suppress(DocumentExistsError):  # who made it this moment has seen no more than is to be seen
                await self._write(scope, Create({"id": SEEN, "kind": SEEN}))

    async def _stored(self, scope: TenantScope, names: Collection[str]) -> list[str]:
        found = await asyncio.gather(*(self._document(scope, name) for name in sorted(set(names))))
        return [document.body["name"] for document in found if document is not None]

    async def _resolved(self, scope: TenantScope, names: Collection[str]) -> list[SecretValue]:
        found = await asyncio.gather(*(self._resolve(scope, name) for name in sorted(set(names))))
        return [one for one in found if one is not None]

    async def _resolve(self, scope: TenantScope, name: str) -> SecretValue | None:
        for _ in range(2):  # between the document and the vault it may be deleted, and made anew
            document = await self._document(scope, name)
            if document is None:
                return None
            value = await self._value(scope, document)
            if value is not None:
                return SecretValue(name, document.body["version"], value, document.body["key"])
        _log.error("the vault does not have the value of the secret %s of %s", name, scope.tenant_id)
        return None

    async def _document(self, scope: TenantScope, name: str) -> Document | None:
        return await self._documents.read(scope, container=TENANCY, partition=PARTITION, id=document_id(name))

    async def _value(self, scope: TenantScope, document: Document) -> str | None:
        key, reference = document.body["key"], document.body["reference"]
        now, place = self._clock.now().timestamp(), (scope.tenant_id, key, reference)
        known = self._values.get(place)
        if known is not None and 0 <= now - known[0] < LIFE:
            return known[1]
        value = await self._vault.resolve(scope, name=key, version=reference)
        if value is None:
            self._values.pop(place, None)
        else:
            _keep(self._values, place, (now, value), VALUES_KEPT)
        return value

    async def _record(self, scope: TenantScope, key: str, purpose: Purpose) -> None:
        now, place = self._clock.now(), (scope.tenant_id, key)
        last = self._uses.get(place)
        if last is not None and 0 <= now.timestamp() - last < USE_EVERY:
            return
        said: dict[str, Any] = {
            "used_at": rfc3339(now),
            "execution_id": purpose.execution_id,
            "step": purpose.step,
        }
        body = {"id": _use_id(key), "kind": "use", **said}
        patch = Patch(body["id"], set={(name,): value for name, value in said.items()})
        try:
            await self._write(scope, patch)
        except DocumentMissingError:
            with suppress(DocumentExistsError):  # another process had the first use this moment
                await self._write(scope, Create(body, ttl=int(USE_LIFE.total_seconds())))
        _keep(self._uses, place, now.timestamp(), USES_KEPT)

    async def _write(self, scope: TenantScope, operation: Operation) -> None:
        await self._documents.transact(scope, container=TENANCY, partition=PARTITION, operations=[operation])


def _use_id(key: str) -> str:
    return f"use:{key}"


def _keep[Key, Value](kept: OrderedDict[Key, Value], key: Key, value: Value, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
